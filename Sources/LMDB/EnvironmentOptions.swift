/// How an environment is opened. All of it is fixed until it is closed.
public struct EnvironmentOptions: Sendable {
    /// Size of the map in bytes, rounded up to whole pages: address space, not disk.
    public var mapBytes: UInt64 = 1 << 40
    /// Read transactions alive at one time, over all processes.
    public var maxReaders: UInt32 = 126
    public var maxDatabases: UInt32 = 16
    /// Opens beside a running writer, without the right to write.
    public var readOnly = false
    public var structureCheck = StructureCheckDepth.lengthOnly

    public init() {}
}

/// How much of the data file is looked at before it is mapped. A damaged page that is found then is an error; one that
/// the library meets may be a crash.
public enum StructureCheckDepth: Sendable {
    /// That it is long enough for its trees; every page when the length alone leaves a doubt.
    case lengthOnly
    /// The root of every tree and the pages right below: a handful, whatever the file's size. Only for a file whose
    /// length is known to be right.
    case topOfTrees
    /// Every page: reads the whole file.
    case everyPage
}
