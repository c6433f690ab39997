internal import Crypto
internal import Glibc
public import Inventory

/// One file of a folder, open for reading. Belongs to one thread; closed when it goes.
public final class FeedFile {
    private static let chunkBytes = 256 * 1_024

    public let name: String
    /// 16 hexadecimal digits of what is in it: names the file whatever it is called.
    public let digest: String
    public let bytes: UInt64
    /// When it was last changed.
    public let timeNanoseconds: WallNanoseconds
    private let descriptor: Int32
    private let path: String
    private let identity: Identity
    private var offset: UInt64 = 0

    /// Opens the file and reads it once through, for its digest. Nil: it is gone, or being written.
    init?(folder: String, name: String) throws(FeedFailure) {
        let path = "\(folder)/\(name)"
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .system("open", name)
        }
        var digest = SHA256()
        var state = stat()
        var offset: UInt64 = 0
        do throws(FeedFailure) {
            guard fstat(descriptor, &state) == 0 else { throw .system("examine", name) }
            guard state.st_mode & S_IFMT == S_IFREG else { throw FeedFailure("\(name) is not a file") }
            while true {
                let chunk = try Self.read(descriptor, at: offset, name)
                if chunk.isEmpty { break }
                digest.update(data: chunk)
                offset += UInt64(chunk.count)
            }
        } catch {
            close(descriptor)
            throw error
        }
        guard offset == UInt64(state.st_size) else {
            close(descriptor)
            return nil
        }
        self.name = name
        self.path = path
        identity = Identity(state)
        self.descriptor = descriptor
        self.digest = digest.finalize().prefix(8).map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
        bytes = UInt64(state.st_size)
        timeNanoseconds = state.modificationNanoseconds
    }

    deinit { close(descriptor) }

    /// The next bytes; none at the end.
    public func readChunk() throws(FileProblem) -> [UInt8] {
        do throws(FeedFailure) {
            let chunk = try Self.read(descriptor, at: offset, name)
            offset += UInt64(chunk.count)
            return chunk
        } catch {
            throw .unreadable(error)
        }
    }

    /// Begins again.
    public func rewind() { offset = 0 }

    /// Whether it is still the file of its name, and as it was when it was opened.
    func checkUnchanged() throws(FeedFailure) {
        var state = stat()
        guard lstat(path, &state) == 0 else { throw .system("examine", name) }
        guard Identity(state) == identity else { throw FeedFailure("\(name) changed while it was read") }
    }

    /// Which file it is, and that nobody wrote to it.
    private struct Identity: Equatable {
        let device: UInt64
        let number: UInt64
        let bytes: Int64
        let timeNanoseconds: WallNanoseconds

        init(_ state: stat) {
            device = UInt64(state.st_dev)
            number = UInt64(state.st_ino)
            bytes = Int64(state.st_size)
            timeNanoseconds = state.modificationNanoseconds
        }
    }

    private static func read(_ descriptor: Int32, at offset: UInt64, _ name: String) throws(FeedFailure) -> [UInt8] {
        var code: Int32 = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: chunkBytes) { buffer, count in
            var result: Int
            repeat {
                result = pread(descriptor, buffer.baseAddress, chunkBytes, off_t(offset))
                code = result < 0 ? errno : 0
            } while code == EINTR
            count = max(0, result)
        }
        guard code == 0 else { throw .system("read", name, code: code) }
        return chunk
    }
}

extension stat {
    var modificationNanoseconds: WallNanoseconds { Int64(st_mtim.tv_sec) * .perSecond + Int64(st_mtim.tv_nsec) }
}

extension FeedFailure {
    static func system(_ operation: String, _ name: String, code: Int32 = errno) -> FeedFailure {
        FeedFailure("cannot \(operation) \(name): \(String(cString: strerror(code)))")
    }
}
