internal import SwiftProtobuf

extension Google_Protobuf_Timestamp {
    init(wallNanoseconds: Int64) {
        let seconds = wallNanoseconds / 1_000_000_000
        let nanos = wallNanoseconds % 1_000_000_000
        self.init(seconds: nanos < 0 ? seconds - 1 : seconds, nanos: Int32(nanos < 0 ? nanos + 1_000_000_000 : nanos))
    }

    /// Nanoseconds since 1970; nil when the timestamp is malformed or beyond the years 1970 to 2262.
    var wallNanoseconds: Int64? {
        guard nanos >= 0, nanos < 1_000_000_000, seconds >= 0 else { return nil }
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = scaled.addingReportingOverflow(Int64(nanos))
        return overflow || carry ? nil : sum
    }
}

extension Google_Protobuf_Duration {
    init(nanosecondCount: Int64) {
        self.init(seconds: nanosecondCount / 1_000_000_000, nanos: Int32(nanosecondCount % 1_000_000_000))
    }

    /// Nanoseconds; nil when the duration is malformed, negative or beyond 292 years.
    var nanosecondCount: Int64? {
        guard nanos >= 0, nanos < 1_000_000_000, seconds >= 0 else { return nil }
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = scaled.addingReportingOverflow(Int64(nanos))
        return overflow || carry ? nil : sum
    }
}
