/// A named tree of an environment. Valid as long as the environment is open, in every transaction begun after it was
/// opened.
public struct Database: Sendable, Equatable {
    let handle: UInt32

    /// The environment's own list of free pages. Read only, and only in a read transaction.
    public static let freeList = Database(handle: 0)
}

/// The size of a tree.
public struct DatabaseStatistics: Sendable, Equatable {
    public let entries: Int
    public let depth: Int
    public let branchPages: Int
    public let leafPages: Int
    public let overflowPages: Int
    public let pageBytes: Int

    public var pages: Int { branchPages + leafPages + overflowPages }
}
