internal import Inventory

/// A `Position` as bytes; see Schema.swift.
enum PositionRecord {
    static let bytes = 64 + Buckets.count * 8

    static func encode(
        _ position: Position, into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer
    ) {
        unsafe record.setLittle(16, position.sequence)
        unsafe record.setLittle(24, position.authoritativeTimeNanoseconds)
        unsafe record.setLittle(32, position.nextExpiryNanoseconds)
        unsafe record.setLittle(40, position.newestPrimary)
        unsafe record.setLittle(48, position.prunedThroughPrimary)
        for bucket in Bucket.allCases {
            unsafe record.setLittle(56 + bucket.rawValue * 8, position.buckets[bucket])
        }
        unsafe record.setLittle(136, position.newestAbsolutePrimary)
        unsafe RecordHeader.seal(record, key: key, word: position.authoritativeSource)
    }

    /// False when the record is damaged; `position` is then unchanged.
    @inline(__always)
    static func decode(
        _ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, into position: inout Position
    ) -> Bool {
        guard record.count == bytes, unsafe RecordHeader.isIntact(record, key: key) else { return false }
        unsafe position.authoritativeSource = record.little(2, UInt16.self)
        unsafe position.sequence = record.little(16, UInt64.self)
        unsafe position.authoritativeTimeNanoseconds = record.little(24, Int64.self)
        unsafe position.nextExpiryNanoseconds = record.little(32, Int64.self)
        unsafe position.newestPrimary = record.little(40, Int64.self)
        unsafe position.prunedThroughPrimary = record.little(48, Int64.self)
        unsafe position.buckets[.onHand] = record.little(56, Int64.self)
        unsafe position.buckets[.allocated] = record.little(64, Int64.self)
        unsafe position.buckets[.reserved] = record.little(72, Int64.self)
        unsafe position.buckets[.releasing] = record.little(80, Int64.self)
        unsafe position.buckets[.quarantined] = record.little(88, Int64.self)
        unsafe position.buckets[.damaged] = record.little(96, Int64.self)
        unsafe position.buckets[.inTransit] = record.little(104, Int64.self)
        unsafe position.buckets[.incoming] = record.little(112, Int64.self)
        unsafe position.buckets[.backordered] = record.little(120, Int64.self)
        unsafe position.buckets[.safetyStock] = record.little(128, Int64.self)
        unsafe position.newestAbsolutePrimary = record.little(136, Int64.self)
        return true
    }
}
