import Calls
import Glibc

/// Finds a method by the bytes of its path: open addressing over a hash of the length and the last sixteen bytes, which
/// differ between methods of a service. Immutable.
@safe
final class MethodTable: Sendable {
    let methods: [MethodDescriptor]

    @safe
    private struct Entry {
        var path: UnsafeRawBufferPointer
        var method: Int
    }

    private let mask: Int
    // Written in `init` only.
    nonisolated(unsafe) private let entries: UnsafeMutablePointer<Entry?>

    init(_ methods: [MethodDescriptor]) {
        self.methods = methods
        var size = 16
        while size < methods.count * 4 { size *= 2 }
        mask = size - 1
        unsafe entries = .allocate(capacity: size)
        unsafe entries.initialize(repeating: nil, count: size)
        for (index, method) in methods.enumerated() {
            let bytes = Array(method.path.utf8)
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
            unsafe copy.copyBytes(from: bytes)
            var slot = unsafe Self.hash(UnsafeRawBufferPointer(copy)) & mask
            while let other = unsafe entries[slot] {
                let isTwice = unsafe Self.equal(other.path, UnsafeRawBufferPointer(copy))
                precondition(!isTwice, "two methods at \(method.path)")
                slot = (slot + 1) & mask
            }
            unsafe entries[slot] = Entry(path: UnsafeRawBufferPointer(copy), method: index)
        }
    }

    deinit {
        for slot in 0...mask { unsafe entries[slot]?.path.deallocate() }
        unsafe entries.deallocate()
    }

    func find(_ path: UnsafeRawBufferPointer) -> Int? {
        var slot = unsafe Self.hash(path) & mask
        while let entry = unsafe entries[slot] {
            if unsafe Self.equal(entry.path, path) { return entry.method }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private static func equal(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        guard one.count == other.count, one.count > 0 else { return one.count == other.count }
        return unsafe memcmp(one.baseAddress!, other.baseAddress!, one.count) == 0
    }

    private static func hash(_ path: UnsafeRawBufferPointer) -> Int {
        var mixed = UInt64(path.count)
        if path.count >= 16 {
            let last = unsafe path.loadUnaligned(fromByteOffset: path.count - 8, as: UInt64.self)
            let before = unsafe path.loadUnaligned(fromByteOffset: path.count - 16, as: UInt64.self)
            mixed = (mixed ^ last) &* 0x9E37_79B9_7F4A_7C15
            mixed = (mixed ^ mixed >> 29 ^ before) &* 0xBF58_476D_1CE4_E5B9
        } else {
            for index in 0..<path.count { mixed = unsafe (mixed ^ UInt64(path[index])) &* 0x0000_0100_0000_01B3 }
        }
        return Int(truncatingIfNeeded: mixed >> 32)
    }
}
