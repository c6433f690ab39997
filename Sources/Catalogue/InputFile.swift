internal import Glibc
internal import Inventory

/// A file being read from its beginning to its end. Closed when it goes.
final class InputFile {
    static let chunkBytes = 256 * 1_024

    let path: String
    /// Nil for a pipe.
    let bytesTotal: UInt64?
    /// When the file was last changed; nil for a pipe.
    let modificationTimeNanoseconds: WallNanoseconds?
    private(set) var bytesDone: UInt64 = 0
    private let descriptor: Int32
    /// Where reading began: a shell may hand over a file that is read in part. Nil for a pipe.
    private let startOffset: off_t?

    /// `-` is standard input.
    init(path: String) throws(PositionFileError) {
        self.path = path
        descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(operation: "open", path: path, code: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            if descriptor != 0 { close(descriptor) }
            throw .system(operation: "examine", path: path, code: code)
        }
        let isRegular = status.st_mode & S_IFMT == S_IFREG
        bytesTotal = isRegular ? UInt64(status.st_size) : nil
        startOffset = isRegular ? lseek(descriptor, 0, SEEK_CUR) : nil
        modificationTimeNanoseconds =
            isRegular
            ? Int64(status.st_mtim.tv_sec) * WallNanoseconds.perSecond + Int64(status.st_mtim.tv_nsec) : nil
    }

    deinit {
        if descriptor != 0 { close(descriptor) }
    }

    /// Whether it can be read once more.
    var isSeekable: Bool { startOffset != nil }

    /// Begins again. Only for a seekable file.
    func rewind() {
        bytesDone = 0
    }

    /// The next bytes; none at the end.
    func readChunk() throws(PositionFileError) -> [UInt8] {
        let chunk = try readBytes(count: Self.chunkBytes, at: bytesDone)
        bytesDone += UInt64(chunk.count)
        return chunk
    }

    /// Bytes of a seekable file from anywhere; fewer at its end.
    func bytes(at offset: UInt64, count: Int) throws(PositionFileError) -> [UInt8] {
        precondition(isSeekable, "a pipe is read in order")
        return try readBytes(count: count, at: offset)
    }

    private func readBytes(count wanted: Int, at offset: UInt64) throws(PositionFileError) -> [UInt8] {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
            var result: Int
            repeat {
                if let startOffset {
                    result = pread(descriptor, buffer.baseAddress, wanted, startOffset + off_t(offset))
                } else {
                    result = read(descriptor, buffer.baseAddress, wanted)
                }
                code = result < 0 ? errno : 0
            } while code == EINTR
            count = max(0, result)
        }
        guard code == 0 else { throw .system(operation: "read", path: path, code: code) }
        return bytes
    }
}
