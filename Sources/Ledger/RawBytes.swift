internal import Glibc

extension UnsafeRawBufferPointer {
    /// A little-endian integer at any offset inside the buffer, which the caller has checked.
    @inline(__always)
    func little<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: Value.Type) -> Value {
        unsafe Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }

    /// A big-endian integer at any offset inside the buffer, which the caller has checked.
    @inline(__always)
    func big<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: Value.Type) -> Value {
        unsafe Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }

    /// The bytes from `offset` on. `offset` is at most `count`.
    @inline(__always)
    func from(_ offset: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: self[offset...])
    }

    @inline(__always)
    func starts(with prefix: UnsafeRawBufferPointer) -> Bool {
        guard count >= prefix.count, let start = baseAddress, let other = prefix.baseAddress else {
            return prefix.count == 0
        }
        return unsafe memcmp(start, other, prefix.count) == 0
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Stores a little-endian integer at any offset inside the buffer.
    @inline(__always)
    func setLittle<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ value: Value) {
        unsafe storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }

    /// Copies `bytes` to `offset`; they fit.
    func set(_ offset: Int, _ bytes: UnsafeRawBufferPointer) {
        unsafe UnsafeMutableRawBufferPointer(rebasing: self[offset..<offset + bytes.count]).copyMemory(from: bytes)
    }
}

extension String {
    /// Lends the UTF-8 bytes; without a copy for every string made in Swift.
    @inline(__always)
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var text = self
        // `withUTF8` rethrows untyped: the failure travels as a value.
        let result = text.withUTF8 { bytes in
            Swift.Result<Result, Failure> { () throws(Failure) in unsafe try body(UnsafeRawBufferPointer(bytes)) }
        }
        return try result.get()
    }
}
