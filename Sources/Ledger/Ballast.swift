internal import Glibc

/// Disk space held in reserve. Freed when a commit meets a full disk, so that releases and expiry go on; growth stays
/// refused until it could be taken again.
struct Ballast {
    private let path: String
    private let bytes: UInt64
    private(set) var isSpent = false

    init(directory: String, bytes: UInt64) {
        path = directory + "/ballast"
        self.bytes = bytes
    }

    /// Takes the space again if the disk has at least twice as much. False while it has not.
    mutating func restore() -> Bool {
        guard bytes > 0 else { return true }
        var status = stat()
        if unsafe stat(path, &status) == 0, UInt64(status.st_blocks) * 512 >= bytes {
            isSpent = false
            return true
        }
        var space = statvfs()
        guard unsafe statvfs(path.directory, &space) == 0,
            UInt64(space.f_bavail) * UInt64(space.f_frsize) >= 2 * bytes
        else {
            isSpent = true
            return false
        }
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        isSpent = posix_fallocate(descriptor, 0, Int(bytes)) != 0
        if isSpent { _ = ftruncate(descriptor, 0) }
        close(descriptor)
        return !isSpent
    }

    /// Gives the space to whoever asks next. True if there was any.
    mutating func spend() -> Bool {
        guard bytes > 0, !isSpent else { return false }
        isSpent = true
        return unsafe truncate(path, 0) == 0
    }
}

extension String {
    /// The part of a path before its last slash.
    fileprivate var directory: String {
        guard let slash = lastIndex(of: "/") else { return "." }
        return String(self[..<slash])
    }
}
