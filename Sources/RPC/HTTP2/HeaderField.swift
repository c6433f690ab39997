import Calls
import Glibc

/// What one field of a request's header block says to this server, or that it is malformed (RFC 9113 8.2 and 8.3). The
/// same bytes always mean the same.
enum HeaderField: BitwiseCopyable {
    case method(Method)
    case scheme
    /// Nil: a path without a method of ours.
    case path(method: Int?)
    /// The path that stands for the server.
    case asterisk
    case authority
    case host
    case contentLength(Int64)
    case contentType(isGRPC: Bool)
    /// Nanoseconds; nil: malformed, which is gRPC's to refuse.
    case timeout(UInt64?)
    case encoding(Encoding)
    case acceptEncoding(gzip: Bool)
    /// The value is kept.
    case requestID, channelID, traceparent, authorization
    /// Well-formed and of no interest.
    case other
    case malformed

    enum Method: BitwiseCopyable {
        case post, options, connect, other
    }

    enum Encoding: BitwiseCopyable {
        case identity, gzip, unknown
    }

    /// Names are told apart by their length first: no string is made.
    init(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, methods: MethodTable) {
        guard let first = unsafe name.first, unsafe HeaderRules.isValue(value) else {
            self = .malformed
            return
        }
        self =
            first == UInt8(ascii: ":")
            ? unsafe HeaderField.pseudo(name, value, methods)
            : unsafe HeaderRules.isName(name) ? HeaderField.regular(name, value) : .malformed
    }

    /// The pseudo-fields of a request (8.3.1); any other is malformed. None is empty.
    private static func pseudo(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ methods: MethodTable
    ) -> HeaderField {
        guard value.count > 0 else { return .malformed }
        switch name.count {
        case 5 where unsafe name.equals(":path"):
            if unsafe value.equals("*") { return .asterisk }
            return unsafe HeaderRules.isPath(value) ? .path(method: methods.find(value)) : .malformed
        case 7 where unsafe name.equals(":method"):
            guard unsafe HeaderRules.isToken(value) else { return .malformed }
            if unsafe value.equals("POST") { return .method(.post) }
            if unsafe value.equals("OPTIONS") { return .method(.options) }
            return unsafe .method(value.equals("CONNECT") ? .connect : .other)
        case 7 where unsafe name.equals(":scheme"):
            return unsafe HeaderRules.isScheme(value) ? .scheme : .malformed
        case 10 where unsafe name.equals(":authority"):
            return unsafe HeaderRules.isAuthority(value) ? .authority : .malformed
        default:
            return .malformed
        }
    }

    private static func regular(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> HeaderField {
        switch name.count {
        case 2 where unsafe name.equals("te"):
            return unsafe value.count == 8 && strncasecmp(value.baseAddress!, "trailers", 8) == 0 ? .other : .malformed
        case 4 where unsafe name.equals("host"):
            return unsafe value.count > 0 && HeaderRules.isAuthority(value) ? .host : .malformed
        case 7 where unsafe name.equals("upgrade"), 10 where unsafe name.equals("connection"),
            10 where unsafe name.equals("keep-alive"), 16 where unsafe name.equals("proxy-connection"),
            17 where unsafe name.equals("transfer-encoding"):
            // Of the connection, not of the request (8.2.2).
            return .malformed
        case 11 where unsafe name.equals("traceparent"): return .traceparent
        case 12 where unsafe name.equals("content-type"): return unsafe .contentType(isGRPC: isGRPC(value))
        case 12 where unsafe name.equals("grpc-timeout"): return unsafe .timeout(CallTimeout.parse(value))
        case 12 where unsafe name.equals("x-request-id"): return (1...128).contains(value.count) ? .requestID : .other
        case 12 where unsafe name.equals("x-channel-id"): return .channelID
        case 13 where unsafe name.equals("authorization"): return .authorization
        case 13 where unsafe name.equals("grpc-encoding"):
            return unsafe .encoding(value.equals("gzip") ? .gzip : value.equals("identity") ? .identity : .unknown)
        case 14 where unsafe name.equals("content-length"):
            return unsafe HeaderRules.number(value).map { .contentLength($0) } ?? .malformed
        case 20 where unsafe name.equals("grpc-accept-encoding"): return unsafe .acceptEncoding(gzip: namesGzip(value))
        default: return .other
        }
    }

    /// `application/grpc`, with or without parameters, or `application/grpc+proto`: the one format there is.
    private static func isGRPC(_ value: UnsafeRawBufferPointer) -> Bool {
        let known: StaticString = "application/grpc+proto"
        let bare = 16
        guard value.count >= bare, unsafe memcmp(value.baseAddress!, known.utf8Start, min(value.count, 22)) == 0 else {
            return unsafe value.count > bare && value[bare] == UInt8(ascii: ";")
                && memcmp(value.baseAddress!, known.utf8Start, bare) == 0
        }
        return unsafe value.count == bare || value.count == 22 || (value.count > 22 && value[22] == UInt8(ascii: ";"))
    }

    private static func namesGzip(_ value: UnsafeRawBufferPointer) -> Bool {
        // The four letters as one word, wherever they begin; no other encoding's name contains them.
        let name = UInt32(littleEndian: 0x7069_7A67)
        guard value.count >= 4 else { return false }
        for offset in 0...value.count - 4
        where unsafe value.loadUnaligned(fromByteOffset: offset, as: UInt32.self) == name { return true }
        return false
    }
}

/// Which bytes the parts of a field may have.
enum HeaderRules {
    /// A token (RFC 9110 5.6.2) without capitals (RFC 9113 8.2.1).
    static func isName(_ bytes: UnsafeRawBufferPointer) -> Bool {
        unsafe isToken(bytes) && !bytes.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }

    static func isToken(_ bytes: UnsafeRawBufferPointer) -> Bool {
        unsafe bytes.count > 0 && bytes.allSatisfy { isLetterOrDigit($0) || isOne($0, of: "!#$%&'*+-.^_`|~") }
    }

    /// No control character but the tab, and no blank at either end (RFC 9113 8.2.1, RFC 9110 5.5).
    static func isValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = unsafe bytes.first, let last = unsafe bytes.last else { return true }
        if first == 0x20 || first == 0x09 || last == 0x20 || last == 0x09 { return false }
        return unsafe bytes.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
    }

    /// RFC 3986 3.1, in small letters or capitals.
    static func isScheme(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = unsafe bytes.first, isLetter(first) else { return false }
        return unsafe bytes.allSatisfy { isLetterOrDigit($0) || isOne($0, of: "+-.") }
    }

    /// From the root (RFC 9113 8.3.1); no blanks.
    static func isPath(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard unsafe bytes.first == UInt8(ascii: "/") else { return false }
        return unsafe bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }

    /// The characters of a host and port (RFC 3986 3.2).
    static func isAuthority(_ bytes: UnsafeRawBufferPointer) -> Bool {
        unsafe bytes.allSatisfy { isLetterOrDigit($0) || isOne($0, of: "-._~!$&'()*+,;=:@[]%") }
    }

    /// Digits of at most 18 places.
    static func number(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        guard (1...18).contains(bytes.count) else { return nil }
        var number: Int64 = 0
        for index in 0..<bytes.count {
            let digit = unsafe bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            number = number * 10 + Int64(digit)
        }
        return number
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isOne(_ byte: UInt8, of set: StaticString) -> Bool {
        unsafe memchr(set.utf8Start, Int32(byte), set.utf8CodeUnitCount) != nil
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    func equals(_ text: StaticString) -> Bool {
        unsafe count == text.utf8CodeUnitCount && memcmp(baseAddress!, text.utf8Start, count) == 0
    }
}
