internal import Inventory
internal import Records

/// The columns of a file of positions, by the contract's names.
enum PositionColumn: Hashable {
    case sku
    case location
    case bucket(Bucket)
    case occurredAt

    /// Those written by an export, in its order.
    static let written: [PositionColumn] =
        [.sku, .location]
        + [
            Bucket.onHand, .allocated, .quarantined, .damaged, .inTransit, .incoming, .backordered, .safetyStock,
        ].map(PositionColumn.bucket) + [.occurredAt]

    /// Those understood, and those passed over: `reserved` and `releasing` are the ledger's own account.
    static let all: [PositionColumn] =
        [.sku, .location] + Bucket.allCases.map(PositionColumn.bucket) + [.occurredAt]

    private static let byName: [String: PositionColumn] =
        Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    init?(name: String) {
        guard let column = Self.byName[name] else { return nil }
        self = column
    }

    var name: String {
        switch self {
        case .sku: "sku"
        case .location: "location"
        case .bucket(let bucket): bucket.name
        case .occurredAt: "occurred_at"
        }
    }

    /// What is said to someone who wrote another name.
    static func unknownReason(_ name: ArraySlice<UInt8>) -> String {
        "unknown column \(CellText.shown(name)); known are \(written.map(\.name).joined(separator: ", "))"
    }
}
