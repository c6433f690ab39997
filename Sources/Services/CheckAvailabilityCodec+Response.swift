import Calls

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
        static func addLine(
            to reply: inout ReplyBuffer, sku: UnsafeRawBufferPointer, location: UnsafeRawBufferPointer,
            available: Int64, status: Int, freshness: Int, ageMilliseconds: Int64
        ) {
            let available = UInt64(bitPattern: available)
            let status = UInt64(bitPattern: Int64(status))
            let freshness = UInt64(bitPattern: Int64(freshness))
            let age = UInt64(bitPattern: ageMilliseconds)
            // A nested message begins with its length, so the length is computed before the first byte is written.
            let length =
                WireWriter.bytesFieldSize(sku.count) + WireWriter.bytesFieldSize(location.count)
                + WireWriter.varintFieldSize(available) + WireWriter.varintFieldSize(status)
                + WireWriter.varintFieldSize(freshness) + WireWriter.varintFieldSize(age)
            let byteCount = 1 + WireWriter.varintSize(UInt64(length)) + length

            // `byteCount` is what is reserved, written and checked.
            var writer = unsafe WireWriter(reply.reserve(byteCount))
            writer.writeByte(ResponseTag.lines)
            writer.writeVarint(UInt64(length))
            unsafe writer.writeBytesField(AnsweredLineTag.sku, sku)
            unsafe writer.writeBytesField(AnsweredLineTag.location, location)
            writer.writeVarintField(AnsweredLineTag.available, available)
            writer.writeVarintField(AnsweredLineTag.status, status)
            writer.writeVarintField(AnsweredLineTag.freshness, freshness)
            writer.writeVarintField(AnsweredLineTag.age, age)
            precondition(writer.count == byteCount)
            reply.advance(by: byteCount)
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
