internal import Synchronization

/// How many CheckAvailability calls one loop answered from where. The loop adds, any thread reads.
public final class ReadCounts: Sendable {
    private let fromHotTable = Atomic<UInt64>(0)
    private let fromLedger = Atomic<UInt64>(0)

    public init() {}

    public var hotTable: UInt64 { fromHotTable.load(ordering: .relaxed) }
    public var ledger: UInt64 { fromLedger.load(ordering: .relaxed) }

    // One thread writes: a load and a store, which cost less than an atomic addition.

    @inline(__always)
    public func countHotTable() {
        fromHotTable.store(fromHotTable.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    @inline(__always)
    public func countLedger() {
        fromLedger.store(fromLedger.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}
