/// How an environment is opened. All of it is fixed until it is closed.
public struct EnvironmentOptions: Sendable {
    /// Size of the map in bytes, rounded up to whole pages: address space, not disk.
    public var mapBytes: UInt64 = 1 << 40
    /// Read transactions alive at one time, over all processes.
    public var maxReaders: UInt32 = 126
    public var maxDatabases: UInt32 = 16
    /// Opens beside a running writer, without the right to write.
    public var readOnly = false
    /// Walks every page before mapping the file, so that a damaged tree is an error and not a crash. Reads the whole
    /// file.
    public var checksStructure = false

    public init() {}
}
