internal import Ledger

/// Where a watcher stands, for it to go on from. All of it is in the token; the server keeps nothing for those who left.
struct WatchToken: Equatable, Sendable {
    var epoch: UInt64
    /// Every change up to this one was told.
    var sequence: UInt64
    /// Of what the answers depended on besides the positions: policy, degradation, locations.
    var termsDigest: UInt64
    /// Of what was asked.
    var linesDigest: UInt64
    /// Whether any line was told as stale: then nobody can say later which of them no longer are.
    var toldStale: Bool

    init(epoch: UInt64, sequence: UInt64, termsDigest: UInt64, linesDigest: UInt64, toldStale: Bool) {
        self.epoch = epoch
        self.sequence = sequence
        self.termsDigest = termsDigest
        self.linesDigest = linesDigest
        self.toldStale = toldStale
    }

    /// Opaque text of at most 72 characters.
    var text: String {
        let fields = [epoch, sequence, termsDigest, linesDigest, toldStale ? 1 : 0].map { String($0, radix: 36) }
        let body = fields.joined(separator: "-")
        return "\(body)-\(Self.checksum(body))"
    }

    /// Nil when the text is no token.
    init?(_ text: String) {
        guard text.utf8.count <= 128, let end = text.lastIndex(of: "-") else { return nil }
        let body = String(text[..<end])
        let fields = body.split(separator: "-", omittingEmptySubsequences: false).map { UInt64($0, radix: 36) }
        guard fields.count == 5, text[text.index(after: end)...] == Self.checksum(body), let epoch = fields[0],
            let sequence = fields[1], let terms = fields[2], let lines = fields[3], let flags = fields[4], flags <= 1
        else { return nil }
        self.init(
            epoch: epoch, sequence: sequence, termsDigest: terms, linesDigest: lines, toldStale: flags == 1)
    }

    private static func checksum(_ body: String) -> String {
        String(UInt32(truncatingIfNeeded: ContentDigest.of(Array(body.utf8), seed: 0x7761_7463_68)), radix: 36)
    }
}

/// Gathers what a token must recognise again, over restarts: fields with their lengths, so that no two run together.
struct TokenDigest {
    private var bytes: [UInt8] = []

    mutating func add(_ text: String) {
        add(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func add(_ value: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    var value: UInt64 { ContentDigest.of(bytes) }
}
