import ArgumentParser
import SwiftProtobuf

/// A duration such as `500ms`, `30s`, `5m`, `1h` or `7d`.
struct DurationArgument: ExpressibleByArgument, Equatable {
    var nanoseconds: Int64

    private static let units: [(String, Int64)] = [
        ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ]

    init?(argument: String) {
        for (suffix, factor) in Self.units where argument.hasSuffix(suffix) {
            guard let number = Int64(argument.dropLast(suffix.count)), number >= 0 else { continue }
            let (product, overflow) = number.multipliedReportingOverflow(by: factor)
            if overflow { return nil }
            nanoseconds = product
            return
        }
        return nil
    }

    var defaultValueDescription: String { DurationText.brief(milliseconds: nanoseconds / 1_000_000) }

    var seconds: Double { Double(nanoseconds) / 1e9 }

    var duration: Duration { .nanoseconds(nanoseconds) }

    var message: Google_Protobuf_Duration {
        Google_Protobuf_Duration(
            seconds: nanoseconds / 1_000_000_000, nanos: Int32(nanoseconds % 1_000_000_000))
    }
}
