import Calls
import Inventory
import Proto
import SwiftProtobuf

@testable import Services

/// The hand-written decoder of the hot call against swift-protobuf's: the same verdict and the same content. What was
/// read is written as a response, which swift-protobuf must read back.
enum CheckAvailabilityJudge {
    static func judge(_ input: UnsafeRawBufferPointer) {
        let reference = try? Availability_V1_CheckAvailabilityRequest(serializedBytes: Array(input))
        let reading = RequestReading(input)
        expect(reading == reference.map(RequestReading.init), "read otherwise than by swift-protobuf")
        let lines = RequestLines()
        guard let reference, let request = try? CheckAvailabilityCodec.Request(input, lines: lines),
            isAnswered(reference)
        else { return }

        var reply = ReplyBuffer(capacity: 16)
        CheckAvailabilityCodec.Response.begin(&reply, lineCount: request.lineCount)
        for index in 0..<request.lineCount {
            let line = lines[index]
            let figure = line.quantity ?? 1
            CheckAvailabilityCodec.Response.addLine(
                to: &reply, sku: line.sku, location: line.location, available: figure, status: 1, freshness: 2,
                ageMilliseconds: figure)
        }
        let word = UInt64(input.count) << 32
        CheckAvailabilityCodec.Response.finish(&reply, policyVersion: word, sequence: 0, epoch: .max)
        let written = Array(UnsafeRawBufferPointer(start: reply.base, count: reply.count))
        let response = Availability_V1_CheckAvailabilityResponse.with {
            $0.policyVersion = word
            $0.epoch = .max
            $0.lines = reference.lines.map { line in
                let figure = line.hasQuantity ? line.quantity : 1
                return .with {
                    $0.sku = line.sku
                    $0.location = line.location
                    $0.available = figure
                    $0.status = Availability_V1_AvailabilityStatus(rawValue: 1) ?? .unspecified
                    $0.freshness = Availability_V1_Freshness(rawValue: 2) ?? .unspecified
                    $0.ageMs = figure
                }
            }
        }
        expect((try? response.serializedBytes()) == written, "written otherwise than by swift-protobuf")
    }

    /// Whether the service would write an answer: it refuses too many lines and too long texts before.
    private static func isAnswered(_ request: Availability_V1_CheckAvailabilityRequest) -> Bool {
        request.lines.count <= Limits.linesPerCheckMax
            && request.lines.allSatisfy {
                $0.sku.utf8.count <= Limits.skuBytesMax && $0.location.utf8.count <= Limits.nameBytesMax
            }
    }
}
