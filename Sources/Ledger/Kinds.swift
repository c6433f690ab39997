/// What a document is about. The engine may name more.
public struct DocumentKind: RawRepresentable, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let channel = DocumentKind(rawValue: 1)
    public static let location = DocumentKind(rawValue: 2)
    public static let locationGroup = DocumentKind(rawValue: 3)
    public static let sourceTerms = DocumentKind(rawValue: 4)
    public static let sourceProgress = DocumentKind(rawValue: 5)
    public static let tenant = DocumentKind(rawValue: 6)
    public static let feedPosition = DocumentKind(rawValue: 7)
    public static let feedPause = DocumentKind(rawValue: 8)
    public static let reconciliation = DocumentKind(rawValue: 9)
    public static let publication = DocumentKind(rawValue: 10)
    public static let rebuild = DocumentKind(rawValue: 11)
    public static let rebuildRepair = DocumentKind(rawValue: 12)
    public static let discard = DocumentKind(rawValue: 13)
    public static let discardTime = DocumentKind(rawValue: 14)
    public static let heldAllocation = DocumentKind(rawValue: 15)
}

/// What a name stands for. Tenants are interned under tenant 0, and so are figures that were made anew, called the tenant's name,
/// a control character and what tells them apart; the others are numbered per tenant.
public enum NameKind: UInt8, Sendable, CaseIterable {
    case tenant = 1
    case location = 2
    case source = 3
    case channel = 4
}
