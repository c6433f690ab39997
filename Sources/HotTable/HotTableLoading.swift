public import Inventory

/// One step of loading the table, inside `HotTable.load`.
public struct HotTableLoading {
    private let table: HotTable
    private(set) var writer: HotTableWriter

    init(table: HotTable, writer: HotTableWriter) {
        self.table = table
        self.writer = writer
    }

    /// Before the first sku: the sequence of the snapshot it comes from, and how many are about to come at most.
    public mutating func begin(at sequence: UInt64, skusExpected: Int) {
        table.begin(at: sequence)
        writer.reserve(skus: skusExpected, table)
    }

    /// All locations of the next sku in order of skus. None: the ledger must be asked about it.
    public mutating func add(sku: [UInt8], _ rows: [(LocationNumber, StockFigures)]) {
        unsafe sku.withUnsafeBytes { unsafe writer.put(SkuWords($0), rows, in: table) }
        writer.loaded(through: sku)
    }

    /// Whether there is room for more; else the rest is left to the ledger.
    public var hasRoom: Bool { !writer.isFull }

    /// The table answers from now on.
    public mutating func finish() {
        if writer.isFull {
            // What comes later could be a sku that was left out.
            table.finishLoading(isComplete: false)
        } else {
            writer.loadedAll()
            table.finishLoading(isComplete: true)
        }
    }
}
