import HotTable
import Inventory
import Ledger
import Testing

@testable import Engine

extension TestStore {
    static let decision = RebuildDecision(reason: "test", actor: "tester", requestID: "")

    func rebuild(_ command: RebuildCommand) throws -> Rebuild {
        switch try step(.rebuild(tenant: engine.tenantNumber, command)) {
        case .rebuild(let rebuild, _): return rebuild
        case .failed(let error): throw error
        default: throw TestFailure.unexpectedReply
        }
    }

    func startRebuild(switchesWhenReady: Bool = false) throws -> Rebuild {
        try rebuild(
            .start(
                RebuildWish(
                    fromTimeNanoseconds: 0, steps: [RebuildStep(id: "feed", kind: .feed)],
                    switchesWhenReady: switchesWhenReady, decision: Self.decision)))
    }

    func replay(_ id: String, _ events: [InventoryEvent]) throws -> [EventResult] {
        let command = RebuildCommand.take(id: id, step: 0, events.map { Self.incoming($0) })
        switch try step(.rebuild(tenant: engine.tenantNumber, command)) {
        case .published(let results, _): return results
        case .failed(let error): throw error
        default: throw TestFailure.unexpectedReply
        }
    }

    /// Everything that is left until it is ready.
    func finish(_ id: String) throws -> Rebuild {
        while try !rebuild(.copyHolds(id: id)).hasAllHolds {}
        var step = try #require(engine.board.state.rebuild).steps[0]
        step.isDone = true
        _ = try rebuild(.note(id: id, step: 0, step))
        while try rebuild(.repair(id: id)).repairsWaiting > 0 {}
        return try rebuild(.becomeReady(id: id, compared()))
    }

    func compared() throws -> RebuildDifferences {
        try RebuildComparison(ledger: ledger, tenant: engine.tenantNumber).run(nowNanoseconds: nowNanoseconds)
    }

    func deleteRows() throws {
        while let rebuild = engine.board.state.rebuild, rebuild.hasRowsLeft {
            _ = try self.rebuild(.deleteRows(id: rebuild.id))
        }
    }

    /// A row of the figures being made.
    func besidePosition(_ sku: String, _ location: String) throws -> Position? {
        let reader = try ledger.makeReader()
        try reader.renew()
        guard let number = engine.board.state.directory.number(of: location),
            let beside = try reader.figures(of: engine.tenantNumber).beside
        else { return nil }
        return try reader.position(tenant: beside, sku: sku, location: number)
    }
}
