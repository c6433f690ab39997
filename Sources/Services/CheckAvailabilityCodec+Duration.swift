extension CheckAvailabilityCodec {
    /// The fields of a google.protobuf.Duration, merged over its occurrences.
    struct DurationFields {
        /// The range of google.protobuf.Duration, some 10,000 years either way.
        private static let secondsMax: Int64 = 315_576_000_000
        private static let nanosecondsPerSecond: Int64 = 1_000_000_000

        private var isPresent = false
        private var seconds: Int64 = 0
        private var nanos: Int32 = 0

        mutating func merge(_ bytes: UnsafeRawBufferPointer) throws(MalformedMessage) {
            isPresent = true
            var reader = unsafe WireReader(bytes)
            while let tag = try reader.nextTag() {
                switch tag {
                case DurationTag.seconds: seconds = Int64(bitPattern: try reader.readVarint())
                case DurationTag.nanos: nanos = Int32(truncatingIfNeeded: try reader.readVarint())
                default: try reader.skip(tag, depth: 2)
                }
            }
        }

        var staleness: Staleness {
            if !isPresent { return .absent }
            guard (0...DurationFields.secondsMax).contains(seconds), (0..<1_000_000_000).contains(nanos) else {
                return .invalid
            }
            let (whole, overflow) = seconds.multipliedReportingOverflow(by: DurationFields.nanosecondsPerSecond)
            let (sum, carry) = whole.addingReportingOverflow(Int64(nanos))
            return .nanoseconds(overflow || carry ? .max : sum)
        }
    }

    private enum DurationTag {
        static let seconds = WireTag(rawValue: 1 << 3 | WireTag.varint)
        static let nanos = WireTag(rawValue: 2 << 3 | WireTag.varint)
    }
}
