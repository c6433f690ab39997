/// Writes protobuf fields into memory of which there surely is enough.
///
/// Lifetime: it borrows memory that `ReplyBuffer.reserve` lent, until the next `reserve`. Memory: it does not check
/// bounds; its callers reserve the most that they can write, for a varint ten bytes.
@safe
struct WireWriter {
    private let start: UnsafeMutableRawPointer
    private var next: UnsafeMutableRawPointer

    init(_ start: UnsafeMutableRawPointer) {
        unsafe self.start = unsafe start
        unsafe self.next = unsafe start
    }

    var count: Int { unsafe next - start }

    @inline(__always)
    mutating func writeByte(_ byte: UInt8) {
        // Within what the caller reserved.
        unsafe next.storeBytes(of: byte, as: UInt8.self)
        unsafe next += 1
    }

    /// Values differ from line to line, so that a branch for each length would be guessed wrong: the seven-bit groups are
    /// spread to bytes all at once.
    @inline(__always)
    mutating func writeVarint(_ value: UInt64) {
        if value < 1 << 14 {
            let isLong: UInt64 = value >= 0x80 ? 1 : 0
            let bytes = (value & 0x3F80) << 1 | value & 0x7F | isLong << 7
            // A varint is reserved at its longest.
            unsafe next.storeBytes(of: UInt16(truncatingIfNeeded: bytes).littleEndian, as: UInt16.self)
            unsafe next += 1 + Int(isLong)
        } else if value < 1 << 56 {
            unsafe next += WireWriter.writeSpread(value, to: next)
        } else {
            writeLongVarint(value)
        }
    }

    /// Returns how many bytes the varint has.
    @inline(__always)
    private static func writeSpread(_ value: UInt64, to place: UnsafeMutableRawPointer) -> Int {
        var bytes = value
        bytes = (bytes & 0x00FF_FFFF_F000_0000) << 4 | bytes & 0x0FFF_FFFF
        bytes = (bytes & 0x0FFF_C000_0FFF_C000) << 2 | bytes & 0x0000_3FFF_0000_3FFF
        bytes = (bytes & 0x3F80_3F80_3F80_3F80) << 1 | bytes & 0x007F_007F_007F_007F
        let further = (63 &- (bytes | 1).leadingZeroBitCount) / 8
        let marks = 0x8080_8080_8080_8080 & ((1 &<< UInt64(truncatingIfNeeded: 8 &* further)) &- 1)
        unsafe place.storeBytes(of: (bytes | marks).littleEndian, as: UInt64.self)
        return further + 1
    }

    @inline(never)
    private mutating func writeLongVarint(_ value: UInt64) {
        var value = value
        while value >= 0x80 {
            writeByte(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        writeByte(UInt8(truncatingIfNeeded: value))
    }

    /// Writes a varint field unless it has its default value. `tag` is the whole tag of a field below 16.
    @inline(__always)
    mutating func writeVarintField(_ tag: UInt8, _ value: UInt64) {
        if value == 0 { return }
        writeByte(tag)
        writeVarint(value)
    }

    /// Writes a varint field of 0 to 127 unless it is 0.
    @inline(__always)
    mutating func writeSmallField(_ tag: UInt8, _ value: Int) {
        if value == 0 { return }
        writeByte(tag)
        writeByte(UInt8(truncatingIfNeeded: value))
    }

    /// Writes a string or bytes field of at most 127 bytes unless it is empty. `tag` is the whole tag of a field below 16.
    @inline(__always)
    mutating func writeBytesField(_ tag: UInt8, _ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0, let base = bytes.baseAddress else { return }
        precondition(bytes.count < 0x80)
        writeByte(tag)
        writeByte(UInt8(truncatingIfNeeded: bytes.count))
        // Within what the caller reserved. Texts are short: two words that may overlap cost less than a call.
        if bytes.count >= 8, bytes.count <= 16 {
            let last = unsafe bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
            unsafe next.storeBytes(of: base.loadUnaligned(as: UInt64.self), as: UInt64.self)
            unsafe next.storeBytes(of: last, toByteOffset: bytes.count - 8, as: UInt64.self)
        } else if bytes.count < 8 {
            for index in 0..<bytes.count {
                unsafe next.storeBytes(of: bytes[index], toByteOffset: index, as: UInt8.self)
            }
        } else {
            unsafe next.copyMemory(from: base, byteCount: bytes.count)
        }
        unsafe next += bytes.count
    }
}
