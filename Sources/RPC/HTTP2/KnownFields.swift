import CNGHTTP2

/// What the fields of a connection's header blocks were found to say, by the addresses of nghttp2's buffers: a caller
/// sends most of them from its HPACK table, call after call, and nghttp2 then shows the same buffers. So they are read
/// once a connection and not once a call.
///
/// Lifetime: an entry holds its two buffers, so their addresses mean nothing else meanwhile; `removeAll` must be called in
/// the end. Memory: 1 KiB from the connection's first call on, and nghttp2's buffers of at most `entries` fields of
/// `fieldBytesMax`; a caller that wants to makes those some 30 KiB, by codes that nghttp2 allows for generously.
@safe
struct KnownFields: ~Copyable {
    private static let entries = 32
    private static let fieldBytesMax = 128
    /// How often others may want the place of an entry between two uses of it.
    private static let patienceMax: UInt16 = 32

    @safe
    private struct Entry {
        var name: OpaquePointer?
        var value: OpaquePointer?
        var field = HeaderField.other
        var bytes: UInt16 = 0
        var patience: UInt16 = 0

        @inline(__always)
        func holds(_ otherName: OpaquePointer, _ otherValue: OpaquePointer) -> Bool {
            unsafe name == otherName && value == otherValue
        }

        @inline(__always)
        mutating func use() -> (field: HeaderField, bytes: Int) {
            patience = KnownFields.patienceMax
            return (field, Int(bytes))
        }
    }

    // Owned: made for the first field, freed by `removeAll`.
    private var table: UnsafeMutablePointer<Entry>?

    deinit {
        precondition(unsafe table == nil, "the buffers go before the loop's memory, in which they lie")
    }

    mutating func removeAll() {
        guard let table = unsafe table else { return }
        for place in 0..<KnownFields.entries { unsafe KnownFields.letGo(table[place]) }
        unsafe table.deallocate()
        unsafe self.table = nil
    }

    /// The field that the two buffers hold, and how long its name and value are together.
    @inline(__always)
    mutating func field(
        _ name: OpaquePointer, _ value: OpaquePointer, methods: MethodTable
    ) -> (field: HeaderField, bytes: Int) {
        let places = unsafe KnownFields.places(name, value)
        if let table = unsafe table {
            if unsafe table[places.0].holds(name, value) { return unsafe table[places.0].use() }
            if unsafe table[places.1].holds(name, value) { return unsafe table[places.1].use() }
        }
        return unsafe read(name, value, methods, places)
    }

    @inline(never)
    private mutating func read(
        _ name: OpaquePointer, _ value: OpaquePointer, _ methods: MethodTable, _ places: (Int, Int)
    ) -> (field: HeaderField, bytes: Int) {
        let nameBytes = unsafe KnownFields.bytes(of: name)
        let valueBytes = unsafe KnownFields.bytes(of: value)
        let field = unsafe HeaderField(name: nameBytes, value: valueBytes, methods: methods)
        let count = nameBytes.count + valueBytes.count
        if case .malformed = field { return (field, count) }
        if count <= KnownFields.fieldBytesMax {
            unsafe keep(Entry(name: name, value: value, field: field, bytes: UInt16(count)), places)
        }
        return (field, count)
    }

    /// A field that comes anew each time, such as a timeout, must not drive out one that stays.
    private mutating func keep(_ entry: Entry, _ places: (Int, Int)) {
        if unsafe table == nil {
            unsafe table = .allocate(capacity: KnownFields.entries)
            unsafe table!.initialize(repeating: Entry(), count: KnownFields.entries)
        }
        guard let table = unsafe table else { return }
        let place = unsafe table[places.0].patience <= table[places.1].patience ? places.0 : places.1
        if unsafe table[place].patience > 0 {
            unsafe table[place].patience -= 1
            return
        }
        unsafe nghttp2_rcbuf_incref(entry.name)
        unsafe nghttp2_rcbuf_incref(entry.value)
        unsafe KnownFields.letGo(table[place])
        unsafe table[place] = entry
        unsafe table[place].patience = KnownFields.patienceMax
    }

    private static func letGo(_ entry: Entry) {
        guard let name = unsafe entry.name, let value = unsafe entry.value else { return }
        unsafe nghttp2_rcbuf_decref(name)
        unsafe nghttp2_rcbuf_decref(value)
    }

    /// Valid as long as the buffer is held.
    @inline(__always)
    static func bytes(of buffer: OpaquePointer) -> UnsafeRawBufferPointer {
        let vector = unsafe nghttp2_rcbuf_get_buf(buffer)
        return unsafe UnsafeRawBufferPointer(start: vector.base, count: vector.len)
    }

    /// The two places where a field may be.
    @inline(__always)
    private static func places(_ name: OpaquePointer, _ value: OpaquePointer) -> (Int, Int) {
        let mixed = (UInt(bitPattern: name) &* 3 &+ UInt(bitPattern: value)) &* 0x9E37_79B9_7F4A_7C15
        return (Int(truncatingIfNeeded: mixed >> 59), Int(truncatingIfNeeded: mixed >> 50 & 31))
    }
}
