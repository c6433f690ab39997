import Calls
import Testing

@testable import RPC

/// Which fields make a request (RFC 9113 8.2 and 8.3).
struct HeaderFieldTests {
    @Test(
        arguments: [
            ("", "v"), ("Te", "trailers"), ("x y", "v"), ("x:y", "v"), ("x\u{0}", "v"), ("é", "v"), ("x", " v"),
            ("x", "v\t"),
            ("x", "a\rb"), ("x", "a\nb"), ("x", "a\u{0}b"), ("x", "a\u{7F}"), (":method", ""), (":method", "PO ST"),
            (":scheme", ""), (":scheme", "1http"), (":scheme", "ht tp"), (":path", ""), (":path", "a.B/C"),
            (":path", "/a b"), (":path", "**"), (":authority", "a/b"), (":authority", "a b"), (":status", "200"),
            (":odd", "v"), ("te", "gzip"), ("te", "trailerz"), ("connection", "close"), ("upgrade", "h2c"),
            ("keep-alive", "1"),
            ("proxy-connection", "close"), ("transfer-encoding", "chunked"), ("host", ""), ("host", "a/b"),
            ("content-length", ""), ("content-length", "-1"), ("content-length", "1 2"),
            ("content-length", "9999999999999999999"),
        ] as [(String, String)])
    func fieldAgainstTheRulesIsMalformed(name: String, value: String) {
        #expect(described(name, value) == described(.malformed))
    }

    @Test(
        arguments: [
            (":method", "POST", .method(.post)), (":method", "GET", .method(.other)),
            (":method", "CONNECT", .method(.connect)), (":scheme", "https", .scheme),
            (":path", "/a.B/C", .path(method: 0)),
            (":path", "/", .path(method: nil)), (":path", "*", .asterisk),
            (":authority", "[::1]:80", .authority), ("host", "a.example:1", .host), ("te", "trailers", .other),
            ("te", "Trailers", .other), (":method", "OPTIONS", .method(.options)),
            ("content-length", "0", .contentLength(0)), ("content-length", "0012", .contentLength(12)),
            ("content-type", "application/grpc", .contentType(isGRPC: true)),
            ("content-type", "application/grpc+proto;x=y", .contentType(isGRPC: true)),
            ("content-type", "application/grpcx", .contentType(isGRPC: false)),
            ("content-type", "", .contentType(isGRPC: false)), ("grpc-timeout", "3S", .timeout(3_000_000_000)),
            ("grpc-timeout", "3", .timeout(nil)), ("grpc-encoding", "gzip", .encoding(.gzip)),
            ("grpc-encoding", "identity", .encoding(.identity)), ("grpc-encoding", "br", .encoding(.unknown)),
            ("grpc-accept-encoding", "deflate, gzip", .acceptEncoding(gzip: true)),
            ("grpc-accept-encoding", "gzi", .acceptEncoding(gzip: false)), ("x-request-id", "7", .requestID),
            ("x-request-id", "", .other), ("x-channel-id", "shop", .channelID), ("traceparent", "00-1", .traceparent),
            ("authorization", "Bearer x", .authorization), ("user-agent", "a\tb é", .other),
            ("x!#$%&'*+-.^_`|~9", "", .other),
        ] as [(String, String, HeaderField)])
    func wellFormedFieldSaysWhatItSays(name: String, value: String, field: HeaderField) {
        #expect(described(name, value) == described(field))
    }

    private let methods = MethodTable([MethodDescriptor(service: "a.B", name: "C", kind: .unary)])

    private func described(_ name: String, _ value: String) -> String {
        Array(name.utf8).withUnsafeBytes { name in
            Array(value.utf8).withUnsafeBytes { described(HeaderField(name: name, value: $0, methods: methods)) }
        }
    }

    private func described(_ field: HeaderField) -> String { String(describing: field) }
}

/// Which fields together make a request.
struct HeaderBlockTests {
    private static let whole: [HeaderField] = [.method(.post), .scheme, .path(method: 0), .authority]

    @Test func requestNeedsMethodSchemePathAndSomebodyToAsk() {
        #expect(block(Self.whole).isRequest)
        for index in Self.whole.indices {
            var rest = Self.whole
            rest.remove(at: index)
            #expect(!block(rest).isRequest)
        }
        #expect(block(Self.whole.dropLast() + [.host]).isRequest)
    }

    @Test func pseudoFieldTwiceOrBehindARegularOneIsMalformed() {
        #expect(!block(Self.whole + [.path(method: 0)]).isRequest)
        #expect(!block(Self.whole.dropLast() + [.other, .authority]).isRequest)
    }

    @Test func contentLengthOrHostTwiceIsMalformed() {
        for field in [.contentLength(1), .host] as [HeaderField] {
            #expect(block(Self.whole + [field]).isRequest)
            #expect(!block(Self.whole + [field, field]).isRequest)
        }
    }

    @Test func connectHasAnAuthorityAndNeitherSchemeNorPath() {
        #expect(!block([.method(.connect), .host]).isRequest)
        #expect(block([.method(.connect), .authority]).isRequest)
        #expect(!block([.method(.connect), .path(method: nil), .authority]).isRequest)
    }

    @Test func asteriskIsForOptionsOnly() {
        #expect(block([.method(.options), .scheme, .asterisk, .authority]).isRequest)
        #expect(!block([.method(.post), .scheme, .asterisk, .authority]).isRequest)
    }

    @Test func pseudoFieldInTrailersIsMalformed() {
        var trailers = HeaderBlock()
        trailers.takeTrailer(.other)
        #expect(!trailers.isMalformed)
        trailers.takeTrailer(.path(method: nil))
        #expect(trailers.isMalformed)
    }

    private func block(_ fields: [HeaderField]) -> HeaderBlock {
        var block = HeaderBlock()
        for field in fields { block.take(field) }
        return block
    }
}
