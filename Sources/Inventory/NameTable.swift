/// Finds a name's index by its bytes: open addressing, at most half full, nothing allocated by a look-up.
///
/// Immutable after it was made; any thread may read it.
public final class NameTable: Sendable {
    let slots: NameSlots

    /// Names get their indices in order. Of equal names the first is found.
    public init(_ names: [String]) {
        slots = NameSlots(names)
    }

    deinit { slots.deallocate() }

    /// The index of the name with exactly these bytes; nil when there is none.
    public func index(of name: UnsafeRawBufferPointer) -> Int? {
        slots.index(of: name, count: name.count, hash: NameHash.of(name))
    }

    /// As above, for a name at hand as a String.
    public func index(of name: String) -> Int? {
        var name = name
        return name.withUTF8 { index(of: UnsafeRawBufferPointer($0)) }
    }
}

/// FNV-1a, which gives the hashes of all of a name's prefixes on the way.
struct NameHash {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
    }

    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = NameHash()
        for byte in bytes { hash.add(byte) }
        return hash.value
    }
}

/// The table itself, without an owner; see `NameTable`.
struct NameSlots: Sendable {
    private struct Entry: BitwiseCopyable {
        var hash: UInt64
        var start: Int
        var count: Int
    }

    /// Index + 1 of the entry; 0: free. A power of two of them.
    private let slots: Table<UInt32>
    private let entries: Table<Entry>
    private let bytes: Table<UInt8>

    var count: Int { entries.count }

    init(_ names: [String]) {
        var capacity = 2
        while capacity < names.count * 2 { capacity *= 2 }
        var slots = [UInt32](repeating: 0, count: capacity)
        var entries: [Entry] = []
        var bytes: [UInt8] = []
        for name in names {
            let utf8 = [UInt8](name.utf8)
            let hash = utf8.withUnsafeBytes { NameHash.of($0) }
            entries.append(Entry(hash: hash, start: bytes.count, count: utf8.count))
            bytes += utf8
            var slot = Self.firstSlot(hash, capacity)
            while slots[slot] != 0 { slot = (slot + 1) & (capacity - 1) }
            slots[slot] = UInt32(entries.count)
        }
        self.slots = Table(slots)
        self.entries = Table(entries)
        self.bytes = Table(bytes)
    }

    func deallocate() {
        slots.deallocate()
        entries.deallocate()
        bytes.deallocate()
    }

    /// The index of the name equal to the first `count` of `name`'s bytes, whose hash the caller knows.
    func index(of name: UnsafeRawBufferPointer, count: Int, hash: UInt64) -> Int? {
        var slot = Self.firstSlot(hash, slots.count)
        while true {
            let found = slots[slot]
            if found == 0 { return nil }
            let index = Int(found) - 1
            let entry = entries[index]
            if entry.hash == hash, entry.count == count, isEqual(entry, name) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
    }

    private func isEqual(_ entry: Entry, _ name: UnsafeRawBufferPointer) -> Bool {
        for offset in 0..<entry.count where bytes[entry.start + offset] != name[offset] { return false }
        return true
    }

    private static func firstSlot(_ hash: UInt64, _ capacity: Int) -> Int {
        Int(truncatingIfNeeded: hash ^ (hash >> 32)) & (capacity - 1)
    }
}
