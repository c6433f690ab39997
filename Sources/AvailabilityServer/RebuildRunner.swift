internal import Dispatch
internal import Engine
internal import Feeds
internal import Inventory
internal import Ledger
internal import Logging
internal import ServiceLifecycle

/// Does what the rebuild in the ledger still needs: copies the holds, reads the feeds and the ERPs, compares, and at the end
/// deletes the rows that answer no more. What is done is in the ledger, so a restart goes on with it; a step that was under
/// way is read again from its beginning, which the events' ids make harmless.
struct RebuildRunner: Sendable {
    let ledger: Ledger
    let board: StateBoard
    let writer: EngineThread
    let tenant: TenantNumber
    let feeds: FeedSupervisor
    let erps: ErpHosting
    let logger: Logger
    let alarm = AlarmClock()

    private static let attemptsMax = 3
    private static let retryNanoseconds: Int64 = 2 * .perSecond
    /// A rebuild that waits for its switch is compared again after so long, and after so many times as long as that took.
    private static let comparisonPauseNanoseconds: Int64 = 5 * .perSecond
    private static let comparisonPauseFactor: Int64 = 20

    /// Why there is nothing more to do.
    private enum End: Error {
        /// Somebody gave the rebuild up, or the server stops.
        case over
        case failed(String)
    }

    /// Works until nothing is left to do, or the task is cancelled.
    func work() async {
        guard let rebuild = board.state.rebuild else { return }
        do throws(End) {
            if rebuild.state == .filling { try await fill(rebuild) }
            try await keepCompared(rebuild.id)
            while let last = board.state.rebuild, !last.state.isOpen, last.hasRowsLeft {
                try await execute(.deleteRows(id: last.id))
            }
        } catch {
            guard case .failed(let reason) = error else { return }
            logger.error("a rebuild cannot go on", metadata: ["rebuild": "\(rebuild.id)", "reason": "\(reason)"])
            // Refused when it is over already. What cannot be deleted now is tried again.
            _ = await writer.submit(.rebuild(tenant: tenant, .fail(id: rebuild.id, reason)))
        }
    }

    private func fill(_ begun: Rebuild) async throws(End) {
        logger.notice("a rebuild is filled", metadata: ["rebuild": "\(begun.id)", "steps": "\(begun.steps.count)"])
        var rebuild = begun
        while !rebuild.hasAllHolds { rebuild = try await execute(.copyHolds(id: rebuild.id)) }
        for index in rebuild.steps.indices where !rebuild.steps[index].isDone {
            try await read(rebuild, index)
        }
        // Repairs that come while it is compared begin it anew.
        if let now = board.state.rebuild, now.id == rebuild.id { rebuild = now }
        repeat {
            while rebuild.repairsWaiting > 0 { rebuild = try await execute(.repair(id: rebuild.id)) }
            let differences = try await compare()
            rebuild = try await execute(.becomeReady(id: rebuild.id, differences))
        } while rebuild.state == .filling
        logger.notice(
            rebuild.state == .switched ? "a rebuild answers" : "a rebuild is ready",
            metadata: [
                "rebuild": "\(rebuild.id)", "positions": "\(rebuild.positions)",
                "differing": "\(rebuild.differingPositions)", "rising": "\(rebuild.risingPositions)",
                "published": "\(rebuild.published)", "refused": "\(rebuild.allRefusals.events)",
            ])
    }

    /// While it is ready: what is published and repaired may change how it differs, and so what its switch would do.
    private func keepCompared(_ id: String) async throws(End) {
        func isReady() -> Bool { board.state.rebuild?.id == id && board.state.rebuild?.state == .ready }
        var pause = Self.comparisonPauseNanoseconds
        while isReady() {
            let next = ContinuousClock.now + .nanoseconds(pause)
            while isReady(), ContinuousClock.now < next {
                if Task.isCancelled { throw .over }
                await alarm.sleep(nanoseconds: 250 * .perMillisecond)
            }
            guard isReady() else { return }
            let began = ContinuousClock.now
            let differences = try await compare()
            try await execute(.compared(id: id, differences))
            let (seconds, attoseconds) = (ContinuousClock.now - began).components
            let took = seconds * .perSecond + attoseconds / 1_000_000_000
            pause = max(Self.comparisonPauseNanoseconds, took * Self.comparisonPauseFactor)
        }
    }

    /// One step, from its beginning.
    private func read(_ rebuild: Rebuild, _ index: Int) async throws(End) {
        var step = RebuildStep(id: rebuild.steps[index].id, kind: rebuild.steps[index].kind)
        var attempts = 0
        while true {
            attempts += 1
            try await execute(.note(id: rebuild.id, step: index, step))
            let failure: String?
            switch step.kind {
            case .feed: failure = try await replay(rebuild, index)
            case .erp: failure = await readErp(rebuild, index)
            }
            guard !Task.isCancelled, let now = board.state.rebuild, now.id == rebuild.id, now.state == .filling else {
                throw .over
            }
            guard let failure else {
                step = now.steps[index]
                step.isDone = true
                try await execute(.note(id: rebuild.id, step: index, step))
                return
            }
            if attempts == Self.attemptsMax {
                step = now.steps[index]
                step.error = failure
                try await execute(.note(id: rebuild.id, step: index, step))
                throw .failed("\(step.id): \(failure)")
            }
            await alarm.sleep(nanoseconds: Self.retryNanoseconds)
        }
    }

    // MARK: Steps

    /// Why it ended early; nil: it was read to its end.
    private func replay(_ rebuild: Rebuild, _ index: Int) async throws(End) -> String? {
        let (writer, tenant) = (writer, tenant)
        let isOfErp = feeds.condition(of: rebuild.steps[index].id)?.kind == .erp
        let publish: FeedReplayPublish = { (events) async throws(FeedFailure) in
            if isOfErp {
                do { return try await self.publishToBoth(events, rebuild, index) } catch {
                    throw FeedFailure("\(error)")
                }
            }
            let command = EngineCommand.rebuild(tenant: tenant, .take(id: rebuild.id, step: index, events))
            switch await writer.submit(command) {
            case .published(let results, _): return results
            case .failed(let error): throw FeedFailure("\(error)")
            default: throw FeedFailure("wrong reply")
            }
        }
        while !Task.isCancelled {
            let (news, told) = AsyncStream.makeStream(of: FeedFailure?.self)
            let replay: FeedReplay
            do throws(FeedReplayRefusal) {
                replay = try feeds.replay(
                    rebuild.steps[index].id, from: .time(rebuild.fromTimeNanoseconds), publish: publish
                ) { progress in
                    guard case .ended(_, let failure) = progress else { return }
                    told.yield(failure)
                    told.finish()
                }
            } catch {
                switch error {
                case .feedNotFound: throw .failed("no feed is called \(rebuild.steps[index].id) any more")
                case .notReplayable: throw .failed("\(rebuild.steps[index].id) has no past to read any more")
                case .running: break
                }
                // Somebody else's of the same feed comes first.
                guard board.state.rebuild?.state == .filling else { throw .over }
                await alarm.sleep(nanoseconds: .perSecond)
                continue
            }
            return await withTaskCancellationHandler {
                for await failure in news { return failure?.description }
                return nil
            } onCancel: {
                replay.cancel()
            }
        }
        throw .over
    }

    /// Why it ended early; nil: it was read to its end.
    private func readErp(_ rebuild: Rebuild, _ index: Int) async -> String? {
        do {
            try await erps.read(rebuild.steps[index].id) { events in
                _ = try await publishToBoth(events, rebuild, index)
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// An ERP's figures are news like any other reading's: they go into the running figures as well, since what they contain of
    /// our holds is noted with the holds.
    private func publishToBoth(
        _ events: [IncomingEvent], _ rebuild: Rebuild, _ index: Int
    ) async throws -> [EventResult] {
        let reply = try await writer.take(.publish(tenant: tenant, events: events))
        guard case .published(let results, _) = reply, var step = board.state.rebuild?.steps[index] else { return [] }
        step.taken += UInt64(results.count)
        step.count(refused: results, of: events)
        try await writer.take(.rebuild(tenant: tenant, .note(id: rebuild.id, step: index, step)))
        return results
    }

    /// On a thread that may wait for the disk.
    private func compare() async throws(End) -> RebuildDifferences {
        let comparison = RebuildComparison(ledger: ledger, tenant: tenant)
        let (board, now) = (board, wallClockNanoseconds())
        let result: Result<RebuildDifferences, LedgerError> = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                do throws(LedgerError) {
                    let isOver = { board.state.rebuild?.state.isOpen != true }
                    let found = try comparison.run(nowNanoseconds: now, isCancelled: isOver)
                    continuation.resume(returning: .success(found))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        switch result {
        case .success(let differences): return differences
        case .failure(let error): throw .failed("its figures cannot be compared: \(error)")
        }
    }

    // MARK: Commands

    @discardableResult
    private func execute(_ command: RebuildCommand) async throws(End) -> Rebuild {
        if Task.isCancelled { throw .over }
        switch await writer.submit(.rebuild(tenant: tenant, command)) {
        case .rebuild(let rebuild, _): return rebuild
        case .failed(.rebuildNotFound), .failed(.stopping): throw .over
        case .failed(let error): throw .failed("\(error)")
        default: throw .failed("wrong reply")
        }
    }
}

/// Looks after rebuilds, and after the table in memory, of which each has its own, until the server stops.
struct RebuildService: Service {
    let runner: RebuildRunner
    let hotTables: HotTableHosting
    let grace: ShutdownGrace

    func run() async throws {
        await grace.run("rebuilds") { [runner, hotTables] in
            await withDiscardingTaskGroup { group in
                group.addTask {
                    while !Task.isCancelled {
                        hotTables.fill()
                        await runner.alarm.sleep(nanoseconds: 100 * .perMillisecond)
                    }
                }
                group.addTask {
                    while !Task.isCancelled {
                        await runner.work()
                        await runner.alarm.sleep(nanoseconds: 250 * .perMillisecond)
                    }
                }
            }
        }
        runner.alarm.stop()
    }
}
