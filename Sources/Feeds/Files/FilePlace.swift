internal import Engine

/// Where in a file a folder's feed stands: `NAME LINE DIGEST`. Everything before the line is committed, and its errors are
/// written. Of a file that was read through and moved: `NAME done DIGEST`.
struct FilePlace: Equatable {
    private static let nameBytesMax = 200

    var name: String
    /// Nil: it was moved.
    var line: Int?
    var digest: String

    init(name: String, line: Int?, digest: String) {
        self.name = name
        self.line = line
        self.digest = digest
    }

    init?(_ text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return nil }
        digest = String(parts[parts.count - 1])
        line = Int(parts[parts.count - 2])
        guard line != nil || parts[parts.count - 2] == "done" else { return nil }
        name = parts.dropLast(2).joined(separator: " ")
    }

    /// Long names are cut: the digest tells which file it is.
    var text: String {
        let shown = String(decoding: name.utf8.prefix(Self.nameBytesMax), as: UTF8.self)
        return "\(shown) \(line.map { "\($0)" } ?? "done") \(digest)"
    }
}
