import Engine
import Erp
import Inventory
import Synchronization

/// An ERP of moves that the test writes, with times of its own, asked directly. Any thread.
final class ScriptedErp: ErpAdapter, ErpReads {
    struct State {
        /// A record's newest time and the places it touches.
        var moves: [Int64: (timeNanoseconds: Int64, places: [ErpPlace])] = [:]
        var stock: [ErpPlace: Int64] = [:]
        var failure: ErpFailure?
        /// Called once, after the next reading of figures and before it is answered.
        var duringReading: (@Sendable () -> Void)?
        /// Places of each reading of named skus.
        var readings: [[ErpPlace]] = []
        var wholeReadings = 0
    }

    let state = Mutex(State())
    let capabilities = ErpCapabilities(
        isIdempotent: true, isAtomic: true, allowsPartial: true, takesCommits: true, batchMax: 1,
        latestEffectSeconds: 0)

    /// A record is written at a time of the ERP's clock, and moves units at WH1.
    func move(_ record: Int64, at second: Int64, _ sku: String, _ units: Int64, location: String = "WH1") {
        let place = ErpPlace(sku: sku, location: location)
        state.withLock { state in
            state.moves[record] = (second * .perSecond, [place])
            state.stock[place, default: 0] += units
        }
    }

    /// The skus of each reading since this was asked last.
    func takeReadings() -> [[String]] {
        state.withLock { state in
            defer { state.readings = [] }
            return state.readings.map { $0.map(\.sku) }
        }
    }

    func read<Answer: Sendable>(
        _ question:
            @Sendable (_ erp: any ErpAdapter, _ deadline: ContinuousClock.Instant) async throws(ErpFailure) -> Answer
    ) async throws(ErpFailure) -> Answer {
        if let failure = state.withLock({ $0.failure }) { throw failure }
        return try await question(self, .now + .seconds(5))
    }

    func changes(
        at locations: [String], after mark: ErpChangeMark, limit: Int, deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpChangePage {
        let found = state.withLock { state in
            state.moves.map { record, move in
                ErpChange(
                    mark: ErpChangeMark(timeNanoseconds: move.timeNanoseconds, record: record),
                    places: move.places.filter { locations.contains($0.location) })
            }.filter { $0.mark > mark }.sorted { $0.mark < $1.mark }
        }
        let page = Array(found.prefix(limit))
        return ErpChangePage(changes: page, reached: page.last?.mark, hasMore: found.count > limit)
    }

    func newestChange(
        at locations: [String], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpChangeMark? {
        state.withLock { state in
            state.moves.map { ErpChangeMark(timeNanoseconds: $1.timeNanoseconds, record: $0) }.max()
        }
    }

    func readPositions(
        skus: [String], locations: [String], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> [ErpPosition] {
        let (positions, during) = state.withLock { state in
            let places = state.stock.keys.filter { skus.contains($0.sku) && locations.contains($0.location) }
                .sorted { ($0.sku, $0.location) < ($1.sku, $1.location) }
            state.readings.append(places)
            return (places.map { Self.position($0, state) }, state.duringReading.take())
        }
        during?()
        return positions
    }

    func readPositions(
        locations: [String], after sku: String, limit: Int, deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpPositionPage {
        state.withLock { state in
            state.wholeReadings += 1
            let positions = state.stock.keys.filter { locations.contains($0.location) && $0.sku > sku }
                .sorted { $0.sku < $1.sku }.map { Self.position($0, state) }
            return ErpPositionPage(positions: positions, next: nil)
        }
    }

    private static func position(_ place: ErpPlace, _ state: State) -> ErpPosition {
        ErpPosition(
            sku: place.sku, location: place.location, onHand: state.stock[place] ?? 0, allocated: 0, contains: [])
    }

    // Nothing is held here.

    func reserve(_ holds: [ErpHold], deadline: ContinuousClock.Instant) async throws(ErpFailure) -> [ErpReply] { [] }
    func release(_ holds: [ErpHold], deadline: ContinuousClock.Instant) async throws(ErpFailure) -> [ErpReply] { [] }
    func commit(_ holds: [ErpHold], deadline: ContinuousClock.Instant) async throws(ErpFailure) -> [ErpReply] { [] }
    func lookUp(_ holds: [ErpHold], deadline: ContinuousClock.Instant) async throws(ErpFailure) -> [ErpReply] { [] }
    func checkHealth(deadline: ContinuousClock.Instant) async throws(ErpFailure) {}
}

/// What was published, by a clock that goes on with each look.
final class PublishedFigures: Sendable {
    struct State {
        var events: [InventoryEvent] = []
        var position: ErpChangePosition?
        var failure: ErpFailure?
        var nowNanoseconds: WallNanoseconds = 1_800_000_000 * .perSecond
    }

    let state = Mutex(State())

    var position: ErpChangePosition? { state.withLock { $0.position } }

    var now: @Sendable () -> WallNanoseconds {
        { [self] in
            state.withLock { state in
                state.nowNanoseconds += 1
                return state.nowNanoseconds
            }
        }
    }

    var publish: ErpChangePolling.Publish {
        { [self] events, position in
            try state.withLock { state in
                if let failure = state.failure { throw failure }
                state.events += events.map(\.event)
                state.position = position ?? state.position
            }
        }
    }

    /// The time of the last heartbeat; nil: there was none since `take` was asked last.
    var heardNanoseconds: WallNanoseconds? {
        state.withLock { $0.events.last { $0.kind == .sourceHeartbeat }?.occurredAtNanoseconds }
    }

    /// `sku=units` of each snapshot since this was asked last.
    func take() -> [String] {
        state.withLock { state in
            defer { state.events = [] }
            return state.events.filter { $0.kind == .positionSnapshot }
                .map { "\($0.sku)=\($0.snapshot.values[.onHand])" }
        }
    }
}
