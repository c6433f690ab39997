public import Inventory

/// A line of a reservation as it lies under its position: what a reader needs once its time has run out, and by what a
/// start finds all that is open or has work left.
public struct HoldRow: Sendable, Equatable {
    public var sku: String
    public var location: LocationNumber
    /// Ledger time; `Int64.max`: never.
    public var expireTimeNanoseconds: WallNanoseconds
    public var number: ReservationNumber
    public var lineID: UInt32
    public var channel: ChannelNumber
    public var open: Int64
    /// See `ReservationLine.contained`.
    public var contained: Int64
    /// The lot that is held; empty: any.
    public var lot: String

    private static let fixedBytes = RecordHeader.bytes + 16

    var bytes: Int { Self.fixedBytes + lot.utf8.count }

    /// What follows the position in the key.
    static let keyTailBytes = 20

    public init(
        sku: String, location: LocationNumber, expireTimeNanoseconds: WallNanoseconds, number: ReservationNumber,
        lineID: UInt32, channel: ChannelNumber, open: Int64, contained: Int64, lot: String = ""
    ) {
        self.lot = lot
        self.sku = sku
        self.location = location
        self.expireTimeNanoseconds = expireTimeNanoseconds
        self.number = number
        self.lineID = lineID
        self.channel = channel
        self.open = open
        self.contained = contained
    }

    /// The row of a line; nil when nothing can come of it any more.
    public init?(_ line: ReservationLine, of reservation: Reservation, channel: ChannelNumber) {
        guard !line.isSettled else { return nil }
        self.init(
            sku: line.sku, location: line.location,
            expireTimeNanoseconds: line.open > 0 && reservation.state == .active
                ? reservation.expireTimeNanoseconds : .max,
            number: reservation.number, lineID: line.id, channel: channel, open: line.open, contained: line.contained,
            lot: line.lot)
    }

    func encode(into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        unsafe record.setLittle(16, open)
        unsafe record.setLittle(24, contained)
        unsafe lot.withBytes { unsafe record.set(Self.fixedBytes, $0) }
        unsafe RecordHeader.seal(record, key: key, word: channel)
    }

    /// Nil when the record is damaged.
    init?(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) {
        guard record.count >= Self.fixedBytes, let stock = unsafe StockKey(key), unsafe stock.isHold,
            unsafe stock.rest.count == Self.keyTailBytes, unsafe RecordHeader.isIntact(record, key: key)
        else { return nil }
        unsafe self.init(
            sku: String(decoding: stock.sku, as: UTF8.self), location: stock.location,
            expireTimeNanoseconds: stock.rest.big(0, Int64.self), number: stock.rest.big(8, UInt64.self),
            lineID: stock.rest.big(16, UInt32.self), channel: record.little(2, UInt16.self),
            open: record.little(16, Int64.self), contained: record.little(24, Int64.self),
            lot: String(decoding: record.from(Self.fixedBytes), as: UTF8.self))
    }
}

/// What is remembered of a request that had an effect.
public struct RequestRecord: Sendable, Equatable {
    /// The reservation it led to.
    public var number: ReservationNumber
    /// Tells a repeat from another body under the same id.
    public var bodyDigest: UInt64
    /// Ledger time.
    public var timeNanoseconds: WallNanoseconds

    static let bytes = RecordHeader.bytes + 24

    public init(number: ReservationNumber, bodyDigest: UInt64, timeNanoseconds: WallNanoseconds) {
        self.number = number
        self.bodyDigest = bodyDigest
        self.timeNanoseconds = timeNanoseconds
    }

    func encode(into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        unsafe record.setLittle(16, number)
        unsafe record.setLittle(24, bodyDigest)
        unsafe record.setLittle(32, timeNanoseconds)
        unsafe RecordHeader.seal(record, key: key)
    }

    init?(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) {
        guard record.count == Self.bytes, key.count > 5, unsafe RecordHeader.isIntact(record, key: key) else {
            return nil
        }
        unsafe number = record.little(16, UInt64.self)
        unsafe bodyDigest = record.little(24, UInt64.self)
        unsafe timeNanoseconds = record.little(32, Int64.self)
    }
}

/// The methods whose request ids are kept. Raw values are stored: fixed.
public enum RequestMethod: UInt8, Sendable, CaseIterable {
    case create = 1
    case extend = 2
    case commit = 3
    case release = 4
}
