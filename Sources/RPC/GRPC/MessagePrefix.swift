/// The five bytes before each gRPC message: a compressed flag and the length, big-endian.
struct MessagePrefix: Equatable {
    static let byteCount = 5

    /// 0 or 1; anything else is a protocol error.
    let flag: UInt8
    let length: Int

    var isCompressed: Bool { flag == 1 }

    /// nil while fewer than five bytes are there.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.byteCount else { return nil }
        flag = unsafe bytes[0]
        length = unsafe Int(bytes[1]) << 24 | Int(bytes[2]) << 16 | Int(bytes[3]) << 8 | Int(bytes[4])
    }

    static func write(to target: UnsafeMutableRawPointer, compressed: Bool, length: Int) {
        unsafe target.storeBytes(of: compressed ? 1 : 0, as: UInt8.self)
        unsafe target.storeBytes(of: UInt32(length).bigEndian, toByteOffset: 1, as: UInt32.self)
    }
}
