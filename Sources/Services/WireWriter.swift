/// Writes protobuf fields into memory whose size was computed with `varintSize` beforehand.
///
/// Lifetime: it borrows memory that `ReplyBuffer.reserve` lent, until the next `reserve`. Memory: it does not check
/// bounds; its callers reserve what they compute and check the sum once, when they are done.
@safe
struct WireWriter {
    private let start: UnsafeMutableRawPointer
    private var next: UnsafeMutableRawPointer

    init(_ start: UnsafeMutableRawPointer) {
        unsafe self.start = unsafe start
        unsafe self.next = unsafe start
    }

    var count: Int { unsafe next - start }

    /// Bytes of a value as a varint, 1 to 10: one for each 7 bits begun.
    @inline(__always)
    static func varintSize(_ value: UInt64) -> Int {
        (9 * (63 - (value | 1).leadingZeroBitCount) + 73) / 64
    }

    /// Bytes of a field with a one-byte tag and a varint; 0 for the default value, which is not written.
    @inline(__always)
    static func varintFieldSize(_ value: UInt64) -> Int {
        value == 0 ? 0 : 1 + varintSize(value)
    }

    /// Bytes of a field with a one-byte tag, a length and the bytes; 0 for the default value, which is not written.
    @inline(__always)
    static func bytesFieldSize(_ byteCount: Int) -> Int {
        byteCount == 0 ? 0 : 1 + varintSize(UInt64(byteCount)) + byteCount
    }

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
        // Within what the caller reserved.
        unsafe next.copyMemory(from: base, byteCount: bytes.count)
        unsafe next += bytes.count
    }
}
