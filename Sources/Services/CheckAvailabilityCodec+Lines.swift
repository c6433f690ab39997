extension CheckAvailabilityCodec {
    /// The lines of a request that was checked, in order.
    @safe
    struct Lines: IteratorProtocol {
        private var reader: WireReader

        init(_ message: UnsafeRawBufferPointer) {
            reader = unsafe WireReader(message)
        }

        mutating func next() -> Line? {
            do {
                while let tag = try reader.nextTag() {
                    if tag == RequestTag.lines { return try unsafe Lines.line(reader.readBytes()) }
                    try reader.skip(tag, depth: 1)
                }
                return nil
            } catch {
                preconditionFailure("the request was checked when it was made")
            }
        }

        /// The last of several values of a field counts.
        private static func line(_ bytes: UnsafeRawBufferPointer) throws(MalformedMessage) -> Line {
            var sku = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
            var location = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
            var quantity: Int64?
            var reader = unsafe WireReader(bytes)
            while let tag = try reader.nextTag() {
                switch tag {
                case LineTag.sku: unsafe sku = try unsafe reader.readBytes()
                case LineTag.location: unsafe location = try unsafe reader.readBytes()
                case LineTag.quantity: quantity = Int64(bitPattern: try reader.readVarint())
                default: try reader.skip(tag, depth: 2)
                }
            }
            return unsafe Line(sku: sku, location: location, quantity: quantity)
        }
    }

    /// The fields of a line.
    enum LineTag {
        static let sku = WireTag(rawValue: 1 << 3 | WireTag.lengthDelimited)
        static let location = WireTag(rawValue: 2 << 3 | WireTag.lengthDelimited)
        static let quantity = WireTag(rawValue: 3 << 3 | WireTag.varint)
    }
}
