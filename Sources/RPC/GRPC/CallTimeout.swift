/// The `grpc-timeout` header (PROTOCOL-HTTP2: at most eight digits and one of H M S m u n).
enum CallTimeout {
    /// Nanoseconds from now; nil when malformed.
    static func parse(_ value: UnsafeRawBufferPointer) -> UInt64? {
        guard value.count >= 2, value.count <= 9 else { return nil }
        var number: UInt64 = 0
        for index in 0..<(value.count - 1) {
            let digit = unsafe value[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            number = number * 10 + UInt64(digit)
        }
        let unit: UInt64
        switch unsafe value[value.count - 1] {
        case UInt8(ascii: "H"): unit = 3_600_000_000_000
        case UInt8(ascii: "M"): unit = 60_000_000_000
        case UInt8(ascii: "S"): unit = 1_000_000_000
        case UInt8(ascii: "m"): unit = 1_000_000
        case UInt8(ascii: "u"): unit = 1_000
        case UInt8(ascii: "n"): unit = 1
        default: return nil
        }
        // 99,999,999 hours do not fit in 64 bits of nanoseconds; such a caller waits for ever.
        let (nanoseconds, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? .max : nanoseconds
    }
}
