import Foundation
import SwiftProtobuf

/// Times and durations for people.
enum DurationText {
    /// For example `1.5s`.
    static func seconds(_ duration: Google_Protobuf_Duration) -> String {
        let seconds = Double(duration.seconds) + Double(duration.nanos) / 1_000_000_000
        return seconds == seconds.rounded() ? "\(Int64(seconds))s" : "\(seconds)s"
    }

    /// The two largest units, for example `3d 4h`, `12m 5s`, `5s` or `250ms`.
    static func brief(milliseconds: Int64) -> String {
        if milliseconds < 0 { return "-" + brief(milliseconds: milliseconds == .min ? .max : -milliseconds) }
        if milliseconds < 1_000 { return "\(milliseconds)ms" }
        var rest = milliseconds / 1_000
        var parts: [String] = []
        for (unit, seconds) in [("d", Int64(86_400)), ("h", 3_600), ("m", 60), ("s", 1)] {
            if rest >= seconds { parts.append("\(rest / seconds)\(unit)") } else if !parts.isEmpty { break }
            rest %= seconds
            if parts.count == 2 { break }
        }
        return parts.joined(separator: " ")
    }

    static func brief(_ duration: Google_Protobuf_Duration) -> String {
        brief(milliseconds: duration.seconds * 1_000 + Int64(duration.nanos) / 1_000_000)
    }

    /// RFC 3339 in UTC; `-` for none.
    static func time(_ timestamp: Google_Protobuf_Timestamp, isPresent: Bool = true) -> String {
        isPresent ? timestamp.date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) : "-"
    }
}
