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
            (":odd", "v"), ("te", "gzip"), ("connection", "close"), ("upgrade", "h2c"), ("keep-alive", "1"),
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
            (":path", "/", .path(method: nil)), (":path", "*", .path(method: nil)),
            (":authority", "[::1]:80", .authority), ("host", "a.example:1", .host), ("te", "trailers", .other),
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
    @Test func requestNeedsMethodSchemePathAndSomebodyToAsk() {
        let whole: [HeaderBlock.Parts] = [.method, .scheme, .path, .authority]
        #expect(block(whole).isRequest)
        for part in whole { #expect(!block(whole.filter { $0 != part }).isRequest) }
        var host = block([.method, .scheme, .path])
        host.takeOnce(.host)
        #expect(host.isRequest)
    }

    @Test func pseudoFieldTwiceOrBehindARegularOneIsMalformed() {
        #expect(!block([.method, .scheme, .path, .authority, .path]).isRequest)
        var late = block([.method, .scheme, .path])
        late.takeRegular()
        late.takePseudo(.authority)
        #expect(!late.isRequest)
    }

    @Test func contentLengthTwiceIsMalformed() {
        var twice = block([.method, .scheme, .path, .authority])
        twice.takeOnce(.contentLength)
        #expect(twice.isRequest)
        twice.takeOnce(.contentLength)
        #expect(!twice.isRequest)
    }

    @Test func connectHasAnAuthorityAndNeitherSchemeNorPath() {
        var connect = HeaderBlock()
        connect.takeConnect()
        #expect(!connect.isRequest)
        connect.takePseudo(.authority)
        #expect(connect.isRequest)
        connect.takePseudo(.path)
        #expect(!connect.isRequest)
    }

    @Test func pseudoFieldInTrailersIsMalformed() {
        var trailers = HeaderBlock()
        trailers.takeTrailer(.other)
        #expect(!trailers.isMalformed)
        trailers.takeTrailer(.path(method: nil))
        #expect(trailers.isMalformed)
    }

    private func block(_ parts: [HeaderBlock.Parts]) -> HeaderBlock {
        var block = HeaderBlock()
        for part in parts { block.takePseudo(part) }
        return block
    }
}
