/// The 16 bytes every value starts with; see Schema.swift.
enum RecordHeader {
    static let bytes = 16

    /// Fills in the header after everything behind it is written.
    @inline(__always)
    static func seal(
        _ record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer, byte: UInt8 = 0, word: UInt16 = 0
    ) {
        unsafe record.setLittle(0, UInt64(Schema.recordVersion) | UInt64(byte) << 8 | UInt64(word) << 16)
        unsafe record.setLittle(8, checksum(UnsafeRawBufferPointer(record), key: key))
    }

    /// Whether the record is of this version, long enough, and the one that was written under this key.
    @inline(__always)
    static func isIntact(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> Bool {
        guard record.count >= bytes, unsafe record[0] == Schema.recordVersion else { return false }
        return unsafe record.little(8, UInt64.self) == checksum(record, key: key)
    }

    @inline(__always)
    private static func checksum(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> UInt64 {
        let seed = unsafe XXH64.hash(key, seed: record.little(0, UInt64.self))
        return unsafe XXH64.hash(record.from(bytes), seed: seed)
    }
}
