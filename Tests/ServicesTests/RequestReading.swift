import Proto
import SwiftProtobuf

@testable import Services

/// What a request says, in a form that both decoders can be brought into.
struct RequestReading: Equatable {
    struct Line: Equatable {
        var sku: String
        var location: String
        var quantity: Int64?
    }

    var channel: String
    var customer: String
    var maxStaleness: CheckAvailabilityCodec.Staleness
    var lineCount: Int
    /// As many of them as the server takes.
    var lines: [Line]

    init?(_ message: UnsafeRawBufferPointer) {
        let read = RequestLines()
        guard let request = try? unsafe CheckAvailabilityCodec.Request(message, lines: read) else { return nil }
        channel = unsafe String(decoding: request.channel, as: UTF8.self)
        customer = unsafe String(decoding: request.customer, as: UTF8.self)
        maxStaleness = request.maxStaleness
        lineCount = request.lineCount
        lines = (0..<min(lineCount, RequestLines.capacity)).map { index in
            let line = read[index]
            return unsafe Line(
                sku: String(decoding: line.sku, as: UTF8.self),
                location: String(decoding: line.location, as: UTF8.self),
                quantity: line.quantity)
        }
    }

    init(_ request: Availability_V1_CheckAvailabilityRequest) {
        channel = request.channel
        customer = request.customer
        maxStaleness = request.hasMaxStaleness ? RequestReading.staleness(request.maxStaleness) : .absent
        lineCount = request.lines.count
        lines = request.lines.prefix(RequestLines.capacity).map {
            Line(sku: $0.sku, location: $0.location, quantity: $0.hasQuantity ? $0.quantity : nil)
        }
    }

    private static func staleness(_ duration: Google_Protobuf_Duration) -> CheckAvailabilityCodec.Staleness {
        guard duration.seconds >= 0, duration.seconds <= 315_576_000_000, duration.nanos >= 0,
            duration.nanos <= 999_999_999
        else { return .invalid }
        let nanoseconds = Int128(duration.seconds) * 1_000_000_000 + Int128(duration.nanos)
        return .nanoseconds(Int64(clamping: nanoseconds))
    }
}
