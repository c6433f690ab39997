internal import Calls
internal import Inventory

extension CheckAvailabilityCodec {
    /// Writes a response: `begin`, then `addLine` for each line in order, then `finish`. Default values are not
    /// written, as protobuf has it.
    enum Response {
        /// Empties the buffer and makes room for lines of the usual size.
        static func begin(_ reply: inout ReplyBuffer, lineCount: Int) {
            reply.removeAll()
            _ = unsafe reply.reserve(lineCount * usualLineByteCount + tailByteCountMax)
        }

        /// Appends one line. `status` and `freshness` are the raw values of their enums.
        @inline(__always)
        static func addLine(
            to reply: inout ReplyBuffer, sku: UnsafeRawBufferPointer, location: UnsafeRawBufferPointer,
            available: Int64, status: Int, freshness: Int, ageMilliseconds: Int64
        ) {
            // The service has checked the texts, so what is reserved is enough, and a line's length is one byte.
            precondition(sku.count <= Limits.skuBytesMax && location.count <= Limits.nameBytesMax)
            precondition((0..<128).contains(status) && (0..<128).contains(freshness))
            let start = unsafe reply.reserve(lineByteCountMax)
            var writer = unsafe WireWriter(start)
            writer.writeByte(ResponseTag.lines)
            writer.writeByte(0)
            unsafe writer.writeBytesField(AnsweredLineTag.sku, sku)
            unsafe writer.writeBytesField(AnsweredLineTag.location, location)
            writer.writeVarintField(AnsweredLineTag.available, UInt64(bitPattern: available))
            writer.writeSmallField(AnsweredLineTag.status, status)
            writer.writeSmallField(AnsweredLineTag.freshness, freshness)
            writer.writeVarintField(AnsweredLineTag.age, UInt64(bitPattern: ageMilliseconds))
            unsafe start.storeBytes(of: UInt8(writer.count - 2), toByteOffset: 1, as: UInt8.self)
            reply.advance(by: writer.count)
        }

        /// Appends what holds for all lines.
        static func finish(_ reply: inout ReplyBuffer, policyVersion: UInt64, sequence: UInt64, epoch: UInt64) {
            // At most `tailByteCountMax` bytes are written.
            var writer = unsafe WireWriter(reply.reserve(tailByteCountMax))
            writer.writeVarintField(ResponseTag.policyVersion, policyVersion)
            writer.writeVarintField(ResponseTag.sequence, sequence)
            writer.writeVarintField(ResponseTag.epoch, epoch)
            reply.advance(by: writer.count)
        }

        /// Three fields of a tag and ten bytes.
        private static let tailByteCountMax = 33
        /// A sku and a location of some ten bytes each, small figures.
        private static let usualLineByteCount = 40
        /// Tag and length; sku and location with a tag and a length; four numbers with a tag. Less its first two bytes it
        /// is below 128, so that the length of a line is always one byte.
        private static let lineByteCountMax = 2 + (2 + Limits.skuBytesMax) + (2 + Limits.nameBytesMax) + 11 + 2 + 2 + 11
    }

    private enum ResponseTag {
        static let lines: UInt8 = 1 << 3 | 2
        static let policyVersion: UInt8 = 2 << 3
        static let sequence: UInt8 = 3 << 3
        static let epoch: UInt8 = 4 << 3
    }

    private enum AnsweredLineTag {
        static let sku: UInt8 = 1 << 3 | 2
        static let location: UInt8 = 2 << 3 | 2
        static let available: UInt8 = 3 << 3
        static let status: UInt8 = 4 << 3
        static let freshness: UInt8 = 5 << 3
        static let age: UInt8 = 6 << 3
    }
}
