internal import Foundation
internal import Glibc

/// The rows of one file that could not be applied, beside the file in `failed`: `failed/NAME.errors`. Written as the file is read,
/// under a name with a dot, so that a start in its middle goes on with them. Belongs to one thread.
struct FileErrors {
    /// What the file will be called in `failed`.
    let target: String
    private let path: String
    private(set) var count = 0

    /// Keeps what an earlier reading found before a line, and forgets the rest: it is found again.
    init(_ folder: FeedFolder, _ file: FeedFile, before line: Int) throws(FeedFailure) {
        target = folder.freeName(for: file, in: .failed)
        path = folder.errorsPath(target)
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return }
        let kept = text.split(separator: "\n").filter { row in
            row.split(separator: ",").first.flatMap { Int($0) }.map { $0 < line } ?? false
        }
        try write(kept.map { "\($0)\n" }.joined(), flags: O_TRUNC)
        count = kept.count
    }

    /// One line for each: line, field, reason.
    mutating func append(_ problems: [(line: Int, reason: String)]) throws(FeedFailure) {
        guard !problems.isEmpty else { return }
        try write(problems.map { Self.row($0.line, $0.reason) }.joined(), flags: O_APPEND)
        count += problems.count
    }

    /// The one of a file of which nothing was taken.
    mutating func appendOfWholeFile(line: Int, reason: String) throws(FeedFailure) {
        try write("\(Self.row(line, reason).dropLast())\(Self.wholeFile)\n", flags: O_APPEND)
        count += 1
    }

    /// Whether these are the errors of a file of which nothing was taken.
    static func areOfWholeFile(_ path: String) -> Bool {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return false }
        return text.split(separator: "\n").contains { $0.hasSuffix(wholeFile) }
    }

    /// A last column. Nothing else ends so: a reason with a comma ends with a quotation mark.
    private static let wholeFile = ",NOTHING_TAKEN"

    /// `REASON_CODE: field: what is wrong with it`, as a dead letter says it, in columns.
    private static func row(_ line: Int, _ reason: String) -> String {
        let parts = reason.split(separator: ": ", maxSplits: 2, omittingEmptySubsequences: false)
        let field = parts.count == 3 ? String(parts[1]) : ""
        return "\(line),\(quoted(field)),\(quoted(reason))\n"
    }

    private static func quoted(_ text: String) -> String {
        let line = String(text.map { $0.isNewline ? " " : $0 })
        return line.contains(where: { ",\"".contains($0) })
            ? "\"\(line.replacingOccurrences(of: "\"", with: "\"\""))\"" : line
    }

    /// Durable when it returns.
    private func write(_ text: String, flags: Int32) throws(FeedFailure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0o644)
        guard descriptor >= 0 else { throw .system("write", path) }
        defer { close(descriptor) }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                if errno == EINTR { continue }
                throw .system("write", path)
            }
            bytes.removeFirst(written)
        }
        guard fsync(descriptor) == 0 else { throw .system("write", path) }
    }
}
