internal import Glibc

/// A file being written beside its final name and put there whole by `finish`, so that nobody ever sees half of it.
/// Dropped without `finish`, it leaves nothing behind.
final class OutputFile {
    private static let bufferBytes = 256 * 1_024

    private let path: String
    /// Nil for standard output and whatever else is not a regular file: it is written to directly.
    private let temporaryPath: String?
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var isFinished = false
    private(set) var bytesWritten: UInt64 = 0

    /// `-` is standard output.
    init(path: String) throws(PositionFileError) {
        self.path = path
        buffer.reserveCapacity(Self.bufferBytes)
        var status = stat()
        if path == "-" {
            temporaryPath = nil
            descriptor = 1
        } else if stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG {
            temporaryPath = nil
            descriptor = open(path, O_WRONLY | O_CLOEXEC)
        } else {
            let temporary = "\(path).\(getpid()).partial"
            temporaryPath = temporary
            descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        }
        guard descriptor >= 0 else { throw .system(operation: "create", path: path, code: errno) }
    }

    deinit {
        if descriptor > 1 { close(descriptor) }
        if let temporaryPath, !isFinished { unlink(temporaryPath) }
    }

    func write(_ bytes: [UInt8]) throws(PositionFileError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    /// Writes what is left, makes it durable and gives the file its name.
    func finish() throws(PositionFileError) {
        try flush()
        guard let temporaryPath else { return }
        guard fsync(descriptor) == 0 else { throw .system(operation: "write", path: path, code: errno) }
        guard rename(temporaryPath, path) == 0 else { throw .system(operation: "create", path: path, code: errno) }
        isFinished = true
    }

    private func flush() throws(PositionFileError) {
        var offset = 0
        while offset < buffer.count {
            let result = buffer[offset...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if result < 0 {
                if errno == EINTR { continue }
                throw .system(operation: "write", path: path, code: errno)
            }
            offset += result
        }
        bytesWritten += UInt64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }
}
