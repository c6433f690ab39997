public import Inventory
public import Ledger

/// One position as an export writes it.
public struct ExportedPosition: Sendable, Equatable {
    public var sku: String
    public var location: String
    public var position: Position

    public init(sku: String, location: String, position: Position) {
        self.sku = sku
        self.location = location
        self.position = position
    }
}

/// A rebuild was switched to in the middle of a reading of all positions, which then is of neither.
public struct FiguresSwitched: Error, CustomStringConvertible {
    public var description: String { "a rebuild was switched to meanwhile; begin again" }
}

/// Where an export takes positions from, page by page.
public protocol PositionPages {
    /// How many positions there are about; for the progress only. Nil when it is not known.
    var countEstimate: UInt64? { get }
    /// The next positions in a stable order; none at the end.
    mutating func next() throws -> [ExportedPosition]
}

/// A tenant's positions in the ledger in order of sku and location number. Each page is a short read of its own, so
/// that a long export pins no old page of the file; each position is as it was when its page was read.
public struct LedgerPositionPages: PositionPages {
    private let reader: SnapshotReader
    private let tenant: TenantNumber
    /// Whose rows are the tenant's figures.
    private let figures: TenantNumber
    private let pageCount: Int
    private var last: (sku: String, location: LocationNumber)?
    private var locationNames: [LocationNumber: String] = [:]
    /// Of all tenants together.
    public let countEstimate: UInt64?

    public init(ledger: Ledger, tenant: TenantNumber, pageCount: Int = 1_000) throws(LedgerError) {
        precondition(pageCount >= 1, "a page holds at least one position")
        reader = try ledger.makeReader()
        self.tenant = tenant
        self.pageCount = pageCount
        try reader.renew()
        countEstimate = reader.state.positions
        figures = try reader.figures(of: tenant).running
        reader.release()
    }

    public mutating func next() throws -> [ExportedPosition] {
        try reader.renew()
        defer { reader.release() }
        let pageCount = pageCount
        // What was switched away from is being deleted.
        guard try reader.figures(of: tenant).running == figures else { throw FiguresSwitched() }
        var found: [(sku: String, location: LocationNumber, position: Position)] = []
        try reader.forEachPosition(tenant: figures, after: last) { sku, location, position throws(LedgerError) in
            found.append((sku, location, copy position))
            return found.count < pageCount
        }
        guard let end = found.last else { return [] }
        last = (end.sku, end.location)
        var page: [ExportedPosition] = []
        page.reserveCapacity(found.count)
        for (sku, location, position) in found {
            page.append(ExportedPosition(sku: sku, location: try name(of: location), position: position))
        }
        return page
    }

    private mutating func name(of location: LocationNumber) throws(LedgerError) -> String {
        if let known = locationNames[location] { return known }
        guard let name = try reader.name(of: location, kind: .location, tenant: tenant) else {
            throw .corrupt("name of location \(location) of tenant \(tenant)")
        }
        locationNames[location] = name
        return name
    }
}
