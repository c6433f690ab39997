/// Bytes that are no protobuf message: gRPC answers INTERNAL.
struct MalformedMessage: Error {}

/// A field's tag: number and wire type in one word, as on the wire.
struct WireTag: Equatable {
    let rawValue: UInt32

    var wireType: UInt32 { rawValue & 7 }
    var fieldNumber: UInt32 { rawValue >> 3 }

    static let varint: UInt32 = 0
    static let fixed64: UInt32 = 1
    static let lengthDelimited: UInt32 = 2
    static let startGroup: UInt32 = 3
    static let endGroup: UInt32 = 4
    static let fixed32: UInt32 = 5
}

/// Reads protobuf fields in place, accepting exactly what swift-protobuf's binary decoder accepts.
///
/// Lifetime: it borrows the message, whose bytes must outlive it and everything it hands out. Memory: every access is
/// bounded by the message's length, so that hostile bytes end in `MalformedMessage` and never outside.
@safe
struct WireReader {
    /// How deep messages and groups may nest, the outermost message included; swift-protobuf's own limit.
    static let depthMax = 100

    // The next byte and the one behind the last; no byte is read where both are the same.
    private var next: UnsafeRawPointer
    private let end: UnsafeRawPointer

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        // An empty message may have no address; this one is never read.
        unsafe next = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped
        unsafe end = unsafe next + bytes.count
    }

    private var isAtEnd: Bool { unsafe next == end }

    private var remaining: Int { unsafe end - next }

    /// The next field's tag, or nil at the end of the message. What no reader knows is for `skip`, which refuses a tag
    /// that none could.
    @inline(__always)
    mutating func nextTag() throws(MalformedMessage) -> WireTag? {
        if isAtEnd { return nil }
        // Bounded: `isAtEnd` was just denied.
        let first = unsafe next.load(as: UInt8.self)
        if first >= 0x80 { return try readLongTag() }
        unsafe next += 1
        return WireTag(rawValue: UInt32(first))
    }

    /// A tag of two to five bytes, which need not be the shortest form.
    private mutating func readLongTag() throws(MalformedMessage) -> WireTag {
        var value: UInt32 = 0
        for index in 0..<5 {
            guard index < remaining else { throw MalformedMessage() }
            // Bounded by the guard above.
            let byte = UInt32(unsafe next.load(fromByteOffset: index, as: UInt8.self))
            if index == 4 && byte > 15 { throw MalformedMessage() }
            value |= (byte & 0x7f) << UInt32(7 * index)
            if byte < 0x80 {
                unsafe next += index + 1
                return WireTag(rawValue: value)
            }
        }
        throw MalformedMessage()
    }

    @inline(__always)
    mutating func readVarint() throws(MalformedMessage) -> UInt64 {
        if isAtEnd { throw MalformedMessage() }
        // Bounded: `isAtEnd` was just denied.
        let first = unsafe next.load(as: UInt8.self)
        if first >= 0x80 { return try readLongVarint() }
        unsafe next += 1
        return UInt64(first)
    }

    /// A varint of two to ten bytes; bits beyond the 64th are dropped.
    private mutating func readLongVarint() throws(MalformedMessage) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<min(10, remaining) {
            // Bounded by `remaining`.
            let byte = unsafe next.load(fromByteOffset: index, as: UInt8.self)
            value |= UInt64(byte & 0x7f) &<< UInt64(7 * index)
            if byte < 0x80 {
                unsafe next += index + 1
                return value
            }
        }
        throw MalformedMessage()
    }

    /// The bytes of a length-delimited field, lent from the message.
    @inline(__always)
    mutating func readBytes() throws(MalformedMessage) -> UnsafeRawBufferPointer {
        let length = try readVarint()
        guard length <= UInt64(remaining) else { throw MalformedMessage() }
        // Bounded by the guard above.
        let bytes = unsafe UnsafeRawBufferPointer(start: next, count: Int(length))
        unsafe next += Int(length)
        return unsafe bytes
    }

    /// The bytes of a string field, which must be UTF-8.
    @inline(__always)
    mutating func readText() throws(MalformedMessage) -> UnsafeRawBufferPointer {
        let text = try unsafe readBytes()
        guard unsafe WireText.isUTF8(text) else { throw MalformedMessage() }
        return unsafe text
    }

    /// Passes over the value of a field of no interest. An end of group is malformed here: groups are skipped whole.
    /// `depth` counts the messages around it, from 1.
    mutating func skip(_ tag: WireTag, depth: Int) throws(MalformedMessage) {
        guard tag.fieldNumber > 0 else { throw MalformedMessage() }
        switch tag.wireType {
        case WireTag.varint: _ = try readVarint()
        case WireTag.fixed64: try advance(by: 8)
        case WireTag.lengthDelimited: _ = try unsafe readBytes()
        case WireTag.startGroup: try skipGroup(tag.fieldNumber, depth: depth + 1)
        case WireTag.fixed32: try advance(by: 4)
        default: throw MalformedMessage()
        }
    }

    /// Passes over a group up to its own end. Recursion is bounded by `depthMax`.
    private mutating func skipGroup(_ fieldNumber: UInt32, depth: Int) throws(MalformedMessage) {
        guard depth <= WireReader.depthMax else { throw MalformedMessage() }
        while true {
            // Inside a group swift-protobuf takes a tag of any varint length, as long as its value is one.
            let value = try readVarint()
            guard value >= 8, value < UInt64(UInt32.max) else { throw MalformedMessage() }
            let tag = WireTag(rawValue: UInt32(value))
            if tag.wireType == WireTag.endGroup {
                guard tag.fieldNumber == fieldNumber else { throw MalformedMessage() }
                return
            }
            try skip(tag, depth: depth)
        }
    }

    private mutating func advance(by byteCount: Int) throws(MalformedMessage) {
        guard byteCount <= remaining else { throw MalformedMessage() }
        // Bounded by the guard above.
        unsafe next += byteCount
    }
}
