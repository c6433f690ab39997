internal import Glibc

/// Why a file could not be brought in or written at all. A bad row is not such an error: see `RowProblem`.
public enum PositionFileError: Error, Sendable {
    /// A system call failed; `code` is its errno.
    case system(operation: String, path: String, code: Int32)
    /// The file says nothing that could be imported.
    case unusableFile(path: String, line: Int, reason: String)
    /// What the receiver of the events threw. What was acknowledged before stays; a rerun goes on from there.
    case submission(any Error)
    /// What the source of the positions threw.
    case reading(any Error)
}

extension PositionFileError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .system(let operation, let path, let code):
            "cannot \(operation) \(path): \(String(cString: strerror(code)))"
        case .unusableFile(let path, let line, let reason): "\(path):\(line): \(reason)"
        case .submission(let error): "the positions were not accepted: \(error)"
        case .reading(let error): "the positions could not be read: \(error)"
        }
    }
}
