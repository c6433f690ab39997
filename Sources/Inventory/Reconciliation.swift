/// Where a comparison stands. Raw values are stored, and are the contract's: fixed.
public enum ReconciliationState: Int, Sendable, Equatable, Codable {
    case running = 1
    case succeeded = 2
    case failed = 3
}

/// One comparison of our figures with an ERP's, as it is kept in the ledger: a restart goes on behind its cursor.
public struct Reconciliation: Sendable, Equatable, Codable {
    /// In order of their beginnings.
    public var id: String
    public var requestID: String
    public var erp: String
    public var state = ReconciliationState.running
    public var createTimeNanoseconds: WallNanoseconds
    /// 0: not yet.
    public var finishTimeNanoseconds: WallNanoseconds = 0
    public var compared: UInt64 = 0
    public var variances: UInt64 = 0
    /// Why it failed; empty otherwise.
    public var error = ""
    public var actor: String
    public var reason: String
    /// Location ids; empty: all of the ERP.
    public var locations: [String]
    /// Empty: all.
    public var skus: [String]
    /// Everything up to this sku is compared.
    public var cursor = ""

    public init(
        id: String, requestID: String, erp: String, createTimeNanoseconds: WallNanoseconds, actor: String,
        reason: String, locations: [String] = [], skus: [String] = []
    ) {
        self.id = id
        self.requestID = requestID
        self.erp = erp
        self.createTimeNanoseconds = createTimeNanoseconds
        self.actor = actor
        self.reason = reason
        self.locations = locations
        self.skus = skus
    }

    /// Whether it compares everything the ERP has.
    public var isWhole: Bool { locations.isEmpty && skus.isEmpty }
}
