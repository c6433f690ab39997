internal import Calls
public import Engine
public import Inventory
public import Ledger
internal import Proto

/// Everybody who is told what a channel may sell. Each watch belongs to one of a few threads, which hear of every commit,
/// answer the lines that it may concern, and tell those whose answer is another. Nothing is kept for a slow reader but which
/// lines changed.
public final class AvailabilityWatches: Sendable {
    private let ledger: Ledger
    private let board: StateBoard
    private let tenant: TenantNumber
    private let shards: [WatchShard]
    private let counts = WatchCounts()
    let now: @Sendable () -> WallNanoseconds

    /// - Parameters:
    ///   - threads: at least 1.
    ///   - now: the wall clock.
    ///   - monotonicNow: that of `Bell`.
    public init(
        ledger: Ledger, board: StateBoard, tenant: TenantNumber, clock: LedgerClock, threads: Int,
        now: @escaping @Sendable () -> WallNanoseconds, monotonicNow: @escaping @Sendable () -> Int64
    ) {
        precondition(threads >= 1)
        self.ledger = ledger
        self.board = board
        self.tenant = tenant
        self.now = now
        let (hub, counts) = (board.changes, counts)
        let clocks = WatchClocks(ledger: clock, wall: now, monotonic: monotonicNow)
        shards = (0..<threads).map { _ in WatchShard(hub: hub, counts: counts, clocks: clocks) }
    }

    public func start() {
        for shard in shards { shard.start(ledger: ledger, board: board, tenant: tenant) }
    }

    /// Ends the threads; the streams are ended by the wire.
    public func stop() {
        for shard in shards { shard.stop() }
    }

    public var statistics: WatchStatistics { counts.statistics }

    /// Begins to serve a watch; the thread it belongs to. Any thread.
    func add(_ watch: AvailabilityWatch) throws(CallStatus) -> WatchShard {
        try counts.take(lineCount: watch.question.lineCount)
        // What all skus are called is remembered once a shard: those who watch all share one.
        let shard = watch.question.hearsOfAll ? shards[0] : shards.min { $0.load < $1.load } ?? shards[0]
        shard.add(watch)
        return shard
    }
}

extension AvailabilityServiceMethods {
    var watch: ServiceMethod {
        let descriptor = MethodDescriptor(service: Self.name, name: "WatchAvailability", kind: .serverStreaming)
        return ServiceMethod(descriptor) { [environment] _, reads, sink in
            UnaryReceiver { receiver, bytes in
                do throws(CallStatus) {
                    let request = try decode(Availability_V1_WatchAvailabilityRequest.self, from: bytes)
                    let question = try WatchQuestion(
                        request, reads, monotonicNanoseconds: environment.monotonicNow())
                    let watch = AvailabilityWatch(question: question, sink: sink)
                    let shard = try environment.availabilityWatches.add(watch)
                    receiver.onCancelled = { _ in
                        watch.end()
                        shard.wake(watch)
                    }
                    receiver.onWritable = { shard.wake(watch) }
                } catch {
                    sink.finish(error)
                }
            }
        }
    }
}
