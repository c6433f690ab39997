/// The 64-bit xxHash by Yann Collet, from its published specification (version 0.1.1). Finds damage; no defence against
/// an attacker.
enum XXH64 {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    @inline(__always)
    static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        var offset = 0
        let count = bytes.count
        var result: UInt64
        if count >= 32 {
            var lane1 = seed &+ prime1 &+ prime2
            var lane2 = seed &+ prime2
            var lane3 = seed
            var lane4 = seed &- prime1
            // Every load below stays inside `bytes`: the loops count down what is left.
            while count - offset >= 32 {
                unsafe lane1 = round(lane1, bytes.little(offset, UInt64.self))
                unsafe lane2 = round(lane2, bytes.little(offset + 8, UInt64.self))
                unsafe lane3 = round(lane3, bytes.little(offset + 16, UInt64.self))
                unsafe lane4 = round(lane4, bytes.little(offset + 24, UInt64.self))
                offset += 32
            }
            result = rotate(lane1, 1) &+ rotate(lane2, 7) &+ rotate(lane3, 12) &+ rotate(lane4, 18)
            result = merge(merge(merge(merge(result, lane1), lane2), lane3), lane4)
        } else {
            result = seed &+ prime5
        }
        result = result &+ UInt64(truncatingIfNeeded: count)
        while count - offset >= 8 {
            result ^= unsafe round(0, bytes.little(offset, UInt64.self))
            result = rotate(result, 27) &* prime1 &+ prime4
            offset += 8
        }
        if count - offset >= 4 {
            result ^= unsafe UInt64(bytes.little(offset, UInt32.self)) &* prime1
            result = rotate(result, 23) &* prime2 &+ prime3
            offset += 4
        }
        while offset < count {
            result ^= unsafe UInt64(bytes[offset]) &* prime5
            result = rotate(result, 11) &* prime1
            offset += 1
        }
        result = (result ^ (result >> 33)) &* prime2
        result = (result ^ (result >> 29)) &* prime3
        return result ^ (result >> 32)
    }

    @inline(__always)
    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value << bits | value >> (64 - bits)
    }

    @inline(__always)
    private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
        rotate(lane &+ input &* prime2, 31) &* prime1
    }

    @inline(__always)
    private static func merge(_ result: UInt64, _ lane: UInt64) -> UInt64 {
        (result ^ round(0, lane)) &* prime1 &+ prime4
    }
}
