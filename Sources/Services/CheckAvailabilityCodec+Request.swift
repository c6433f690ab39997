extension CheckAvailabilityCodec {
    /// A request, checked and decoded as a whole; its lines go to the loop's `RequestLines`.
    ///
    /// Lifetime: it and its lines borrow the message, whose bytes must outlive them.
    @safe
    struct Request {
        /// UTF-8; empty: the credential's own.
        private(set) var channel = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        /// UTF-8; empty: none.
        private(set) var customer = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        private(set) var maxStaleness = Staleness.absent
        /// How many lines there are; may be more than `lines` holds, which is for the service to refuse.
        private(set) var lineCount = 0

        init(_ message: UnsafeRawBufferPointer, lines: borrowing RequestLines) throws(MalformedMessage) {
            var duration = DurationFields()
            var reader = unsafe WireReader(message)
            while let tag = try reader.nextTag() {
                switch tag {
                case RequestTag.channel: unsafe channel = try unsafe reader.readText()
                case RequestTag.lines:
                    let line = try unsafe Request.line(reader.readBytes())
                    if lineCount < RequestLines.capacity { lines[lineCount] = line }
                    lineCount += 1
                case RequestTag.maxStaleness: try unsafe duration.merge(reader.readBytes())
                case RequestTag.customer: unsafe customer = try unsafe reader.readText()
                default: try reader.skip(tag, depth: 1)
                }
            }
            maxStaleness = duration.staleness
        }

        /// The last of several values of a field counts.
        @inline(__always)
        private static func line(_ bytes: UnsafeRawBufferPointer) throws(MalformedMessage) -> Line {
            var sku = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
            var location = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
            var quantity: Int64?
            var reader = unsafe WireReader(bytes)
            while let tag = try reader.nextTag() {
                switch tag {
                case LineTag.sku: unsafe sku = try unsafe reader.readText()
                case LineTag.location: unsafe location = try unsafe reader.readText()
                case LineTag.quantity: quantity = Int64(bitPattern: try reader.readVarint())
                default: try reader.skip(tag, depth: 2)
                }
            }
            return unsafe Line(sku: sku, location: location, quantity: quantity)
        }
    }

    /// The fields of the request.
    private enum RequestTag {
        static let channel = WireTag(rawValue: 1 << 3 | WireTag.lengthDelimited)
        static let lines = WireTag(rawValue: 2 << 3 | WireTag.lengthDelimited)
        static let maxStaleness = WireTag(rawValue: 3 << 3 | WireTag.lengthDelimited)
        static let customer = WireTag(rawValue: 4 << 3 | WireTag.lengthDelimited)
    }

    /// The fields of a line.
    private enum LineTag {
        static let sku = WireTag(rawValue: 1 << 3 | WireTag.lengthDelimited)
        static let location = WireTag(rawValue: 2 << 3 | WireTag.lengthDelimited)
        static let quantity = WireTag(rawValue: 3 << 3 | WireTag.varint)
    }
}
