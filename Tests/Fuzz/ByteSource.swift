import Records

/// An input read as a list of decisions. At its end every decision is 0.
struct ByteSource {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        rest = bytes[...]
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 {
        rest.popFirst() ?? 0
    }

    /// At most `count` bytes; fewer at the end.
    mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func remaining() -> [UInt8] {
        bytes(rest.count)
    }
}

/// Cuts bytes into pieces of sizes that follow from a seed: 0 leaves them whole.
struct Cutter {
    private var state: UInt64

    init(seed: UInt8) {
        state = UInt64(seed)
    }

    mutating func pieces(of bytes: [UInt8]) -> [[UInt8]] {
        guard state != 0 else { return [bytes] }
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // Mostly a few bytes, seldom many: what is cut most often is the inside of small things.
            let size = state >> 60 == 0 ? 4_096 : Int(state >> 33 & 15) + 1
            pieces.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return pieces
    }
}

/// With one seed in sixteen the first zero byte stands for a text that just fits into a record or just does not.
func grown(_ file: [UInt8], by seed: UInt8) -> [UInt8] {
    guard seed & 15 == 15, let place = file.firstIndex(of: 0) else { return file }
    let text = [UInt8](repeating: UInt8(ascii: "x"), count: RawRecord.bytesMax - 32)
    return file[..<place] + text + file[(place + 1)...]
}
