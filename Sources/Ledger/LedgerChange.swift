public import Inventory

/// One entry of the change log that watches read.
public struct LedgerChange: Sendable, Equatable {
    public enum Subject: Sendable, Equatable {
        /// A reservation changed. What it looks like now is in the reservation.
        case reservation(ReservationNumber, channel: ChannelNumber, cause: ReservationCause)
        /// A position's stock is below its holds by so many units; 0: it no longer is.
        case shortfall(Int64, sku: String, location: LocationNumber)
    }

    public var sequence: UInt64
    /// Ledger time.
    public var timeNanoseconds: WallNanoseconds
    public var subject: Subject

    public init(sequence: UInt64, timeNanoseconds: WallNanoseconds, subject: Subject) {
        self.sequence = sequence
        self.timeNanoseconds = timeNanoseconds
        self.subject = subject
    }

    private static let reservationBytes = RecordHeader.bytes + 16

    var bytes: Int {
        switch subject {
        case .reservation: Self.reservationBytes
        case .shortfall(_, let sku, _): Self.reservationBytes + sku.utf8.count
        }
    }

    func encode(into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        unsafe record.setLittle(24, timeNanoseconds)
        switch subject {
        case .reservation(let number, let channel, let cause):
            unsafe record.setLittle(16, number)
            unsafe RecordHeader.seal(record, key: key, byte: cause.rawValue, word: channel)
        case .shortfall(let units, let sku, let location):
            unsafe record.setLittle(16, units)
            unsafe sku.withBytes { unsafe record.set(Self.reservationBytes, $0) }
            unsafe RecordHeader.seal(record, key: key, word: location)
        }
    }

    /// Nil when the record is damaged.
    init?(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) {
        guard record.count >= Self.reservationBytes, key.count == 10, unsafe RecordHeader.isIntact(record, key: key)
        else { return nil }
        unsafe sequence = key.big(2, UInt64.self)
        unsafe timeNanoseconds = record.little(24, Int64.self)
        let word = unsafe record.little(2, UInt16.self)
        if unsafe record[1] == 0 {
            subject = unsafe .shortfall(
                record.little(16, Int64.self),
                sku: String(decoding: record.from(Self.reservationBytes), as: UTF8.self), location: word)
        } else {
            guard let cause = unsafe ReservationCause(rawValue: record[1]) else { return nil }
            subject = unsafe .reservation(record.little(16, UInt64.self), channel: word, cause: cause)
        }
    }
}
