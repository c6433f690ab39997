public import Inventory

/// A `Position` as bytes; see Schema.swift.
enum PositionRecord {
    /// Without channels that hold.
    static let bytesMin = 72 + Buckets.count * 8
    private static let bytesPerChannel = 10

    static func bytes(of position: Position) -> Int { bytesMin + position.channelHolds.count * bytesPerChannel }

    @inline(__always)
    static func isLength(_ count: Int) -> Bool {
        count == bytesMin || (count > bytesMin && (count - bytesMin) % bytesPerChannel == 0)
    }

    static func channels(_ count: Int) -> Int { (count - bytesMin) / bytesPerChannel }

    static func offset(ofChannel index: Int) -> Int { bytesMin + index * bytesPerChannel }

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
        unsafe record.setLittle(144, position.contained)
        for (index, hold) in position.channelHolds.enumerated() {
            unsafe record.setLittle(offset(ofChannel: index), hold.channel)
            unsafe record.setLittle(offset(ofChannel: index) + 2, hold.units)
        }
        unsafe RecordHeader.seal(record, key: key, word: position.authoritativeSource)
    }

    /// False when the record is damaged; `position` is then unchanged.
    static func decode(
        _ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, into position: inout Position
    ) -> Bool {
        guard let lent = unsafe LentPosition(record, key: key) else { return false }
        position = lent.position
        return true
    }
}

/// A position as it lies in the ledger, checked; the reader takes from it what it needs. Valid as long as the read that
/// lent it.
@safe
public struct LentPosition {
    private let record: UnsafeRawBufferPointer

    /// Nil when the record is damaged. The record's length is checked here, for all reads below.
    @inline(__always)
    init?(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) {
        guard PositionRecord.isLength(record.count), unsafe RecordHeader.isIntact(record, key: key) else { return nil }
        unsafe self.record = unsafe record
    }

    /// What an answer needs.
    @inline(__always)
    public var figures: StockFigures {
        unsafe StockFigures(
            unreserved: bucket(.onHand) &- bucket(.quarantined) &- bucket(.damaged) &- bucket(.allocated)
                &- bucket(.reserved) &- bucket(.releasing),
            safetyStock: bucket(.safetyStock), inTransit: bucket(.inTransit),
            authoritativeTimeNanoseconds: record.little(24, Int64.self),
            authoritativeSource: record.little(2, UInt16.self), hasHolds: bucket(.reserved) != 0)
    }

    /// All of it.
    public var position: Position {
        var position = Position()
        unsafe position.authoritativeSource = record.little(2, UInt16.self)
        unsafe position.sequence = record.little(16, UInt64.self)
        unsafe position.authoritativeTimeNanoseconds = record.little(24, Int64.self)
        unsafe position.nextExpiryNanoseconds = record.little(32, Int64.self)
        unsafe position.newestPrimary = record.little(40, Int64.self)
        unsafe position.prunedThroughPrimary = record.little(48, Int64.self)
        for bucket in Bucket.allCases { position.buckets[bucket] = self.bucket(bucket) }
        unsafe position.newestAbsolutePrimary = record.little(136, Int64.self)
        unsafe position.contained = record.little(144, Int64.self)
        if hasChannelHolds {
            position.setChannelHolds(
                (0..<PositionRecord.channels(unsafe record.count)).map { index in
                    unsafe ChannelHold(
                        channel: record.little(PositionRecord.offset(ofChannel: index), UInt16.self),
                        units: record.little(PositionRecord.offset(ofChannel: index) + 2, Int64.self))
                })
        }
        return position
    }

    /// See `Position.nextExpiryNanoseconds`.
    @inline(__always)
    public var nextExpiryNanoseconds: WallNanoseconds { unsafe record.little(32, Int64.self) }

    /// Units that a channel holds here, those included that ran out and are not swept yet.
    public func openHolds(of channel: ChannelNumber) -> Int64 {
        for index in 0..<PositionRecord.channels(unsafe record.count)
        where unsafe record.little(PositionRecord.offset(ofChannel: index), UInt16.self) == channel {
            return unsafe record.little(PositionRecord.offset(ofChannel: index) + 2, Int64.self)
        }
        return 0
    }

    /// Whether any channel holds units here.
    @inline(__always)
    public var hasHolds: Bool { bucket(.reserved) != 0 }

    private var hasChannelHolds: Bool { unsafe record.count > PositionRecord.bytesMin }

    @inline(__always)
    private func bucket(_ bucket: Bucket) -> Int64 {
        unsafe record.little(56 + bucket.rawValue * 8, Int64.self)
    }
}
