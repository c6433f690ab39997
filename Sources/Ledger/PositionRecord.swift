public import Inventory

/// A `Position` as bytes; see Schema.swift.
enum PositionRecord {
    /// Of a position that nobody holds anything at: most of them, and read most often.
    static let bytesMin = 64 + Buckets.count * 8
    private static let bytesPerEntry = 10
    /// The entry of the tail that tells what is contained; no channel has this number.
    static let containedNumber: ChannelNumber = 0

    static func bytes(of position: Position) -> Int {
        bytesMin + (position.channelHolds.count + (position.contained == 0 ? 0 : 1)) * bytesPerEntry
    }

    @inline(__always)
    static func isLength(_ count: Int) -> Bool {
        count == bytesMin || (count > bytesMin && (count - bytesMin) % bytesPerEntry == 0)
    }

    static func entries(_ count: Int) -> Int { (count - bytesMin) / bytesPerEntry }

    static func offset(ofEntry index: Int) -> Int { bytesMin + index * bytesPerEntry }

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
        var offset = bytesMin
        if position.contained != 0 {
            unsafe record.setLittle(offset, containedNumber)
            unsafe record.setLittle(offset + 2, position.contained)
            offset += bytesPerEntry
        }
        for hold in position.channelHolds {
            unsafe record.setLittle(offset, hold.channel)
            unsafe record.setLittle(offset + 2, hold.units)
            offset += bytesPerEntry
        }
        let flags: UInt8 =
            (position.isSplit ? 1 : 0) | (position.tellsAllocated ? 2 : 0) | (position.isRead ? 4 : 0)
        unsafe RecordHeader.seal(record, key: key, byte: flags, word: position.authoritativeSource)
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
        unsafe position.isSplit = record[1] & 1 != 0
        unsafe position.tellsAllocated = record[1] & 2 != 0
        unsafe position.isRead = record[1] & 4 != 0
        unsafe position.authoritativeSource = record.little(2, UInt16.self)
        unsafe position.sequence = record.little(16, UInt64.self)
        unsafe position.authoritativeTimeNanoseconds = record.little(24, Int64.self)
        unsafe position.nextExpiryNanoseconds = record.little(32, Int64.self)
        unsafe position.newestPrimary = record.little(40, Int64.self)
        unsafe position.prunedThroughPrimary = record.little(48, Int64.self)
        for bucket in Bucket.allCases { position.buckets[bucket] = self.bucket(bucket) }
        unsafe position.newestAbsolutePrimary = record.little(136, Int64.self)
        if hasHolds { addHolds(to: &position) }
        return position
    }

    private func addHolds(to position: inout Position) {
        var holds: [ChannelHold] = []
        for index in 0..<PositionRecord.entries(unsafe record.count) {
            let entry = entry(index)
            if entry.channel == PositionRecord.containedNumber {
                position.contained = entry.units
            } else {
                holds.append(entry)
            }
        }
        position.setChannelHolds(holds)
    }

    private func entry(_ index: Int) -> ChannelHold {
        let offset = PositionRecord.offset(ofEntry: index)
        return unsafe ChannelHold(
            channel: record.little(offset, UInt16.self), units: record.little(offset + 2, Int64.self))
    }

    /// The ledger sequence of its last change.
    @inline(__always)
    public var sequence: UInt64 { unsafe record.little(16, UInt64.self) }

    /// See `Position.nextExpiryNanoseconds`.
    @inline(__always)
    public var nextExpiryNanoseconds: WallNanoseconds { unsafe record.little(32, Int64.self) }

    /// Whether any channel holds units here, or a figure contains some: false means that no hold can run out.
    @inline(__always)
    public var hasHolds: Bool { unsafe record.count > PositionRecord.bytesMin }

    @inline(__always)
    private func bucket(_ bucket: Bucket) -> Int64 {
        unsafe record.little(56 + bucket.rawValue * 8, Int64.self)
    }
}
