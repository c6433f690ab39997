public import Inventory
public import Ledger

/// One event loop's view of the stock: the published state and a snapshot of the ledger. This is the one seam that reads
/// go through; an in-memory table of hot fields would stand behind it.
///
/// Thread: the owning loop's only. `renew` before the requests of a socket read, `release` after them: nothing is pinned
/// while the loop sleeps.
public final class StockView {
    private let board: StateBoard
    private let reader: SnapshotReader
    private let tenant: TenantNumber
    private var seenVersion: UInt64
    /// The policies and watermarks that belong to the present turn.
    public private(set) var state: PublishedState

    public init(ledger: Ledger, board: StateBoard, tenant: TenantNumber) throws(LedgerError) {
        self.board = board
        self.tenant = tenant
        reader = try ledger.makeReader()
        state = board.state
        seenVersion = .max
    }

    /// Moves to the newest commit. The state is taken first, so that a watermark never vouches for a position that is
    /// older than itself.
    public func renew() throws(LedgerError) {
        if let newer = board.newer(than: &seenVersion) { state = newer }
        try reader.renew()
    }

    public func release() {
        reader.release()
    }

    /// The ledger sequence that this view was renewed at.
    public var sequence: UInt64 { reader.sequence }

    /// Lends every position of a sku in order of location numbers; returns how many there are.
    @inline(__always)
    public func positions(
        of sku: UnsafeRawBufferPointer, _ body: (LocationNumber, borrowing Position) -> Void
    ) throws(LedgerError) -> Int {
        try reader.positions(tenant: tenant, sku: sku, body)
    }

    /// One position; false when there is none, and `position` is as it was.
    @inline(__always)
    public func position(
        of sku: UnsafeRawBufferPointer, at location: LocationNumber, into position: inout Position
    ) throws(LedgerError) -> Bool {
        try reader.position(tenant: tenant, sku: sku, location: location, into: &position)
    }

    /// Whether the sku has a position anywhere.
    public func isKnown(_ sku: UnsafeRawBufferPointer) throws(LedgerError) -> Bool {
        try reader.isKnown(tenant: tenant, sku: sku)
    }
}
