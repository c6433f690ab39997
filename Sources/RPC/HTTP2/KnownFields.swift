import CNGHTTP2

/// What the fields of a connection's header blocks were found to say, by the addresses of nghttp2's buffers: a caller
/// sends most of them from its HPACK table, call after call, and nghttp2 then shows the same buffers. So they are read
/// once a connection and not once a call.
///
/// Lifetime: an entry holds its two buffers, so their addresses mean nothing else meanwhile. Memory: some 700 bytes from
/// the connection's first call on, and at most `entries` fields of `fieldBytesMax`.
@safe
struct KnownFields: ~Copyable {
    private static let entries = 16
    private static let fieldBytesMax = 256
    /// How often others may want the place of an entry between two uses of it.
    private static let patienceMax: UInt16 = 32

    @safe
    private struct Entry {
        var name: OpaquePointer?
        var value: OpaquePointer?
        var field = HeaderField.other
        var bytes: UInt16 = 0
        var patience: UInt16 = 0
    }

    // Owned: made for the first field, freed by deinit.
    private var table: UnsafeMutablePointer<Entry>?

    deinit {
        guard let table = unsafe table else { return }
        for place in 0..<KnownFields.entries { unsafe KnownFields.letGo(table[place]) }
        unsafe table.deallocate()
    }

    /// The field that the two buffers hold, and how long its name and value are together.
    @inline(__always)
    mutating func field(
        _ name: OpaquePointer, _ value: OpaquePointer, methods: MethodTable
    ) -> (field: HeaderField, bytes: Int) {
        let place = unsafe KnownFields.place(name, value)
        if let table = unsafe table, unsafe table[place].name == name, unsafe table[place].value == value {
            unsafe table[place].patience = KnownFields.patienceMax
            return unsafe (table[place].field, Int(table[place].bytes))
        }
        return unsafe read(name, value, methods, place)
    }

    @inline(never)
    private mutating func read(
        _ name: OpaquePointer, _ value: OpaquePointer, _ methods: MethodTable, _ place: Int
    ) -> (field: HeaderField, bytes: Int) {
        let nameBytes = unsafe KnownFields.bytes(of: name)
        let valueBytes = unsafe KnownFields.bytes(of: value)
        let field = unsafe HeaderField(name: nameBytes, value: valueBytes, methods: methods)
        let count = nameBytes.count + valueBytes.count
        if count <= KnownFields.fieldBytesMax {
            unsafe keep(Entry(name: name, value: value, field: field, bytes: UInt16(count)), at: place)
        }
        return (field, count)
    }

    /// A field that comes anew each time, such as a timeout, must not drive out one that stays.
    private mutating func keep(_ entry: Entry, at place: Int) {
        if unsafe table == nil {
            unsafe table = .allocate(capacity: KnownFields.entries)
            unsafe table!.initialize(repeating: Entry(), count: KnownFields.entries)
        }
        guard let table = unsafe table else { return }
        if unsafe table[place].patience > 0 {
            unsafe table[place].patience -= 1
            return
        }
        unsafe nghttp2_rcbuf_incref(entry.name)
        unsafe nghttp2_rcbuf_incref(entry.value)
        unsafe KnownFields.letGo(table[place])
        unsafe table[place] = entry
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

    @inline(__always)
    private static func place(_ name: OpaquePointer, _ value: OpaquePointer) -> Int {
        let mixed = UInt(bitPattern: name) &* 3 &+ UInt(bitPattern: value)
        return Int(truncatingIfNeeded: (mixed &* 0x9E37_79B9_7F4A_7C15) >> 60)
    }
}
