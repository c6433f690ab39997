/// A sku's bytes as little-endian words, the last one filled up with zeros, and their hash.
@safe
struct SkuWords {
    private let bytes: UnsafeRawBufferPointer
    let byteCount: Int

    /// `bytes` outlives it and holds at least one byte.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.bytes = unsafe bytes
        byteCount = bytes.count
    }

    @inline(__always)
    static func count(bytes: Int) -> Int { (bytes + 7) / 8 }

    @inline(__always)
    var count: Int { SkuWords.count(bytes: byteCount) }

    /// The words one by one, until `body` says false; whether it never did. The last word is made of the sku's last eight
    /// bytes, of which the foremost belong to the word before and are shifted out.
    @inline(__always)
    func allSatisfy(_ body: (UInt64) -> Bool) -> Bool {
        var offset = 0
        // Every load stays below the count.
        while offset + 8 <= byteCount {
            if !body(unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))) {
                return false
            }
            offset += 8
        }
        if offset == byteCount { return true }
        if byteCount >= 8 {
            let last = unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: byteCount - 8, as: UInt64.self))
            return body(last >> UInt64(8 * (offset + 8 - byteCount)))
        }
        var word: UInt64 = 0
        for place in 0..<byteCount { word |= unsafe UInt64(bytes[place]) << UInt64(8 * place) }
        return body(word)
    }

    /// Each word is folded in by a widening multiplication (the mixing step of wyhash by Wang Yi). The seed is a secret
    /// of the process, so that nobody can choose skus that collide.
    @inline(__always)
    func hash(seed: UInt64) -> UInt32 {
        var state = seed ^ UInt64(truncatingIfNeeded: byteCount)
        _ = allSatisfy { word in
            state = SkuWords.mix(state ^ word, 0x9E37_79B9_7F4A_7C15)
            return true
        }
        return UInt32(truncatingIfNeeded: SkuWords.mix(state, 0xD6E8_FEB8_6659_FD93) >> 16)
    }

    @inline(__always)
    private static func mix(_ one: UInt64, _ other: UInt64) -> UInt64 {
        let (high, low) = one.multipliedFullWidth(by: other)
        return high ^ low
    }
}
