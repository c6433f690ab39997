import Calls
import Proto
import SwiftProtobuf
import Testing

@testable import Services

/// The hand-written codec against swift-protobuf: the same verdict and the same content for any bytes, the same bytes
/// for any content.
@Suite struct CheckAvailabilityCodecTests {
    @Test(arguments: seeds(count: 40))
    func randomRequestsReadAsSwiftProtobufReadsThem(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for round in 0..<200 {
            let message = RequestBytes.random(using: &random)
            expectSameReading(message, "seed \(seed) round \(round)")
        }
    }

    @Test(arguments: seeds(count: 40))
    func truncatedRequestsReadAsSwiftProtobufReadsThem(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for round in 0..<10 {
            let message = RequestBytes.random(using: &random)
            for count in 0...min(message.count, 300) {
                expectSameReading(Array(message.prefix(count)), "seed \(seed) round \(round) first \(count) bytes")
            }
        }
    }

    @Test(arguments: seeds(count: 40))
    func damagedRequestsReadAsSwiftProtobufReadsThem(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for round in 0..<500 {
            var message = RequestBytes.random(using: &random)
            for _ in 0..<Int.random(in: 1...4, using: &random) where !message.isEmpty {
                let offset = Int.random(in: 0..<message.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: message[offset] = UInt8.random(in: 0...255, using: &random)
                case 1: message[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: message.remove(at: offset)
                default: message.insert(UInt8.random(in: 0...255, using: &random), at: offset)
                }
            }
            expectSameReading(message, "seed \(seed) round \(round)")
        }
    }

    @Test(arguments: seeds(count: 20))
    func noiseReadsAsSwiftProtobufReadsIt(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for round in 0..<1_000 {
            // Small values make plausible tags and lengths.
            let limit: UInt8 = Bool.random(using: &random) ? 0x2f : 0xff
            let message = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: 0...limit, using: &random)
            }
            expectSameReading(message, "seed \(seed) round \(round)")
        }
    }

    @Test(
        arguments: [
            ("nothing", []),
            ("a channel twice: the last counts", [0x0a, 1, 0x61, 0x0a, 1, 0x62]),
            ("an empty channel after one", [0x0a, 1, 0x61, 0x0a, 0]),
            ("a tag longer than needed", [0x8a, 0x00, 1, 0x61]),
            ("a tag of five bytes", [0x8a, 0x80, 0x80, 0x80, 0x00, 1, 0x61]),
            ("a tag of six bytes", [0x8a, 0x80, 0x80, 0x80, 0x80, 0x00, 1, 0x61]),
            ("a tag beyond 32 bits", [0xff, 0xff, 0xff, 0xff, 0x10, 0]),
            ("the largest field number", [0xf8, 0xff, 0xff, 0xff, 0x0f, 0]),
            ("field number 0", [0x02, 1, 0x61]),
            ("wire type 6", [0x0e, 1]),
            ("wire type 7", [0x0f, 1]),
            ("the channel as a varint", [0x08, 5]),
            ("the lines as fixed32", [0x15, 1, 2, 3, 4]),
            ("a fixed64 cut short", [0x11, 1, 2, 3, 4, 5, 6, 7]),
            ("a length of ten bytes", [0x0a, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x61]),
            ("a length of eleven bytes", [0x0a, 0x81] + [UInt8](repeating: 0x80, count: 9) + [0x00, 0x61]),
            ("a length above 2^63", [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            ("a group", [0x2b, 0x08, 1, 0x2c]),
            ("a group that does not end", [0x2b, 0x08, 1]),
            ("a group that another ends", [0x2b, 0x34]),
            ("an end without a group", [0x2c]),
            ("a group instead of the channel", [0x0b, 0x0a, 1, 0x61, 0x0c]),
            ("a long tag inside a group", [0x2b, 0x88, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 1, 0x2c]),
            ("an overlong end of a group", [0x2b, 0xac, 0x00]),
            ("a quantity with a sign", [0x12, 11, 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            ("a quantity of 0", [0x12, 2, 0x18, 0]),
            ("a line longer than the message", [0x12, 3, 0x18, 0]),
            ("a tag cut by the line's end", [0x12, 1, 0x8a, 0x00]),
            ("a duration in two parts", [0x1a, 2, 0x08, 5, 0x1a, 2, 0x10, 7]),
            ("an empty duration", [0x1a, 0]),
            ("a negative duration", [0x1a, 11, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            ("nanoseconds beyond 32 bits", [0x1a, 7, 0x10, 0x85, 0x80, 0x80, 0x80, 0x80, 0x01]),
            ("a lone continuation byte", [0x0a, 1, 0x80]),
            ("an overlong form", [0x0a, 2, 0xc0, 0xaf]),
            ("a surrogate", [0x0a, 3, 0xed, 0xa0, 0x80]),
            ("the last scalar", [0x0a, 4, 0xf4, 0x8f, 0xbf, 0xbf]),
            ("beyond the last scalar", [0x0a, 4, 0xf4, 0x90, 0x80, 0x80]),
            ("a NUL", [0x0a, 1, 0]),
            ("a bad string that is replaced later", [0x0a, 1, 0xff, 0x0a, 1, 0x61]),
        ] as [(String, [UInt8])])
    func theCase(_ name: String, reads message: [UInt8]) {
        expectSameReading(message, name)
    }

    @Test(arguments: 95...105)
    func nestedGroupsReadToTheDepthOfSwiftProtobuf(depth: Int) {
        let groups = [UInt8](repeating: 0x2b, count: depth) + [UInt8](repeating: 0x2c, count: depth)
        expectSameReading(groups, "depth \(depth)")
        expectSameReading(RequestBytes.lengthDelimited(2, groups), "depth \(depth) in a line")
        expectSameReading(RequestBytes.lengthDelimited(3, groups), "depth \(depth) in the duration")
        expectSameReading(groups + groups, "depth \(depth) twice")
    }

    @Test(arguments: seeds(count: 20))
    func utf8IsJudgedAsTheStandardLibraryDoes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for round in 0..<2_000 {
            var text = Array(RequestBytes.text(using: &random).utf8)
            if Bool.random(using: &random) {
                let offset = Int.random(in: 0...text.count, using: &random)
                text.insert(UInt8.random(in: 0x80...0xff, using: &random), at: offset)
            }
            let valid = text.withUnsafeBytes { unsafe WireText.isUTF8($0) }
            #expect(valid == (String(validating: text, as: UTF8.self) != nil), "seed \(seed) round \(round): \(text)")
        }
    }

    @Test(
        arguments: [
            (0, 0, .nanoseconds(0)),
            (0, 1, .nanoseconds(1)),
            (1, 999_999_999, .nanoseconds(1_999_999_999)),
            (9_223_372_036, 854_775_807, .nanoseconds(.max)),
            (9_223_372_036, 854_775_808, .nanoseconds(.max)),
            (315_576_000_000, 0, .nanoseconds(.max)),
            (315_576_000_001, 0, .invalid),
            (.max, 0, .invalid),
            (0, 1_000_000_000, .invalid),
            (0, -1, .invalid),
            (-1, 0, .invalid),
            (1, -1, .invalid),
            (.min, 0, .invalid),
        ] as [(Int64, Int32, CheckAvailabilityCodec.Staleness)])
    func staleness(seconds: Int64, nanos: Int32, is expected: CheckAvailabilityCodec.Staleness) throws {
        let request = Availability_V1_CheckAvailabilityRequest.with {
            $0.maxStaleness = .with {
                $0.seconds = seconds
                $0.nanos = nanos
            }
        }
        let bytes: [UInt8] = try request.serializedBytes()
        let staleness = bytes.withUnsafeBytes { unsafe RequestReading($0)?.maxStaleness }
        #expect(staleness == expected)
    }

    @Test(arguments: seeds(count: 40))
    func randomResponsesAreWrittenAsSwiftProtobufWritesThem(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        // One small buffer for all rounds: it grows in the middle of a response, and is reused.
        var reply = ReplyBuffer(capacity: 16)
        for round in 0..<100 {
            let response = RequestBytes.randomResponse(using: &random)
            let expected: [UInt8] = try response.serializedBytes()
            write(response, to: &reply)
            let written = Array(unsafe UnsafeRawBufferPointer(start: reply.base, count: reply.count))
            #expect(written == expected, "seed \(seed) round \(round)")
            let reread = try Availability_V1_CheckAvailabilityResponse(serializedBytes: written)
            #expect(reread == response, "seed \(seed) round \(round)")
        }
    }

    private func write(_ response: Availability_V1_CheckAvailabilityResponse, to reply: inout ReplyBuffer) {
        CheckAvailabilityCodec.Response.begin(&reply, lineCount: response.lines.count)
        for line in response.lines {
            let (sku, location) = (Array(line.sku.utf8), Array(line.location.utf8))
            sku.withUnsafeBytes { sku in
                location.withUnsafeBytes { location in
                    unsafe CheckAvailabilityCodec.Response.addLine(
                        to: &reply, sku: sku, location: location, available: line.available,
                        status: line.status.rawValue, freshness: line.freshness.rawValue, ageMilliseconds: line.ageMs)
                }
            }
        }
        CheckAvailabilityCodec.Response.finish(
            &reply, policyVersion: response.policyVersion, sequence: response.sequence, epoch: response.epoch)
    }

    private func expectSameReading(_ message: [UInt8], _ comment: String) {
        let reference = try? Availability_V1_CheckAvailabilityRequest(serializedBytes: message)
        let reading = message.withUnsafeBytes { unsafe RequestReading($0) }
        #expect(reading == reference.map(RequestReading.init), "\(comment): \(message)")
    }
}
