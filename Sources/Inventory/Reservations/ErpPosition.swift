/// The ERP's figures for one sku at one of our locations.
public struct ErpPosition: Sendable, Equatable {
    public var sku: String
    public var location: String
    /// Gross: what is there, whoever holds it.
    public var onHand: Int64
    /// Held for whomever, `contains` included.
    public var allocated: Int64
    /// Our holds that `allocated` includes.
    public var contains: [ContainedHold]

    public init(sku: String, location: String, onHand: Int64, allocated: Int64, contains: [ContainedHold]) {
        self.sku = sku
        self.location = location
        self.onHand = onHand
        self.allocated = allocated
        self.contains = contains
    }
}
