extension CheckAvailabilityCodec {
    /// A request, checked as a whole when it is made; then its lines are handed out one by one in a second pass.
    ///
    /// Lifetime: it and its lines borrow the message, whose bytes must outlive them.
    @safe
    struct Request: Sequence {
        /// UTF-8; empty: the credential's own.
        private(set) var channel = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        /// UTF-8; empty: none.
        private(set) var customer = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        private(set) var maxStaleness = Staleness.absent
        /// How many lines follow; may be more than the limit, which is for the service to refuse.
        private(set) var lineCount = 0

        private let message: UnsafeRawBufferPointer

        /// Reads everything but the lines' contents, and checks those: after this, lines cannot be malformed.
        init(_ message: UnsafeRawBufferPointer) throws(MalformedMessage) {
            unsafe self.message = unsafe message
            var duration = DurationFields()
            var reader = unsafe WireReader(message)
            while let tag = try reader.nextTag() {
                switch tag {
                case RequestTag.channel: unsafe channel = try unsafe reader.readText()
                case RequestTag.lines:
                    try unsafe Request.check(line: reader.readBytes())
                    lineCount += 1
                case RequestTag.maxStaleness: try unsafe duration.merge(reader.readBytes())
                case RequestTag.customer: unsafe customer = try unsafe reader.readText()
                default: try reader.skip(tag, depth: 1)
                }
            }
            maxStaleness = duration.staleness
        }

        func makeIterator() -> Lines {
            unsafe Lines(message)
        }

        private static func check(line: UnsafeRawBufferPointer) throws(MalformedMessage) {
            var reader = unsafe WireReader(line)
            while let tag = try reader.nextTag() {
                switch tag {
                case LineTag.sku, LineTag.location: _ = try unsafe reader.readText()
                default: try reader.skip(tag, depth: 2)
                }
            }
        }
    }

    /// The fields of the request.
    enum RequestTag {
        static let channel = WireTag(rawValue: 1 << 3 | WireTag.lengthDelimited)
        static let lines = WireTag(rawValue: 2 << 3 | WireTag.lengthDelimited)
        static let maxStaleness = WireTag(rawValue: 3 << 3 | WireTag.lengthDelimited)
        static let customer = WireTag(rawValue: 4 << 3 | WireTag.lengthDelimited)
    }
}
