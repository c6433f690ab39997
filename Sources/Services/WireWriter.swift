/// Writes protobuf fields into memory of which there surely is enough.
///
/// Lifetime: it borrows memory that `ReplyBuffer.reserve` lent, until the next `reserve`. Memory: it does not check
/// bounds; its callers reserve the most that they can write.
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

    @inline(__always)
    mutating func writeVarint(_ value: UInt64) {
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

    /// Writes a string or bytes field unless it is empty. `tag` is the whole tag of a field below 16.
    @inline(__always)
    mutating func writeBytesField(_ tag: UInt8, _ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0, let base = bytes.baseAddress else { return }
        writeByte(tag)
        writeVarint(UInt64(bytes.count))
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
