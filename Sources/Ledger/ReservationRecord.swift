internal import Inventory

// A reservation as bytes: the header (1 state u8 | 2 flags u16: bit 0 allows partial, bit 1 write-behind), then integers
// little-endian and texts as length u8 and bytes:
//
//   16 epoch u64 | create i64 | expire i64 | longest expire i64 | version u64 | linked number u64 | linked epoch u64
//      | channel | customer | order reference | lines u16 | transitions u16
//   a line: id u32 | location u16 | ERP state u8 | flags u8 (bit 0: commit due, bit 1: missed, bit 2: shipped by the ERP)
//      | requested, granted, open, committed, fulfilled, released, lapsed, contained, at the ERP,
//      with bit 2 shipped by the ERP: i64 each | sku | lot | ERP | ERP reference | reason
//   a transition: time i64 | from u8 (0: none) | to u8 | cause u8 | sequence u64 | correlation id

/// Writes a reservation into memory of just its size.
@safe
struct ReservationRecord {
    private let record: UnsafeMutableRawBufferPointer
    private var offset = RecordHeader.bytes

    static func bytes(of reservation: Reservation) -> Int {
        var count = RecordHeader.bytes + 7 * 8 + 2 * 2
        count += textBytes(reservation.channel) + textBytes(reservation.customer)
        count += textBytes(reservation.orderReference)
        for line in reservation.lines {
            count += 4 + 2 + 1 + 1 + (line.shippedByErp == 0 ? 9 : 10) * 8
            count += textBytes(line.lot)
            count += textBytes(line.sku) + textBytes(line.erp) + textBytes(line.erpReference) + textBytes(line.reason)
        }
        for transition in reservation.history { count += 8 + 3 + 8 + textBytes(transition.correlationID) }
        return count
    }

    /// - Parameter record: of `bytes(of:)`.
    static func encode(
        _ reservation: Reservation, into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer
    ) {
        var writer = unsafe ReservationRecord(record: record)
        writer.add(reservation)
        precondition(writer.offset == record.count, "a record is as long as was said")
        // The state and the flags lie in the header.
        let flags: UInt16 = (reservation.allowsPartial ? 1 : 0) | (reservation.writeMode == .behind ? 2 : 0)
        unsafe RecordHeader.seal(record, key: key, byte: reservation.state.rawValue, word: flags)
    }

    private init(record: UnsafeMutableRawBufferPointer) {
        unsafe self.record = unsafe record
    }

    private mutating func add(_ reservation: Reservation) {
        add(reservation.epoch)
        add(reservation.createTimeNanoseconds)
        add(reservation.expireTimeNanoseconds)
        add(reservation.expireMaxNanoseconds)
        add(reservation.version)
        add(reservation.linkedNumber)
        add(reservation.linkedEpoch)
        add(reservation.channel)
        add(reservation.customer)
        add(reservation.orderReference)
        add(UInt16(reservation.lines.count))
        add(UInt16(reservation.history.count))
        for line in reservation.lines { add(line) }
        for transition in reservation.history { add(transition) }
    }

    private mutating func add(_ line: ReservationLine) {
        add(line.id)
        add(line.location)
        add(line.erpState.rawValue)
        add(UInt8((line.isCommitDue ? 1 : 0) | (line.isMissed ? 2 : 0) | (line.shippedByErp == 0 ? 0 : 4)))
        add(line.requested)
        add(line.quantity)
        add(line.open)
        add(line.committed)
        add(line.fulfilled)
        add(line.released)
        add(line.lapsed)
        add(line.contained)
        add(line.erpQuantity)
        if line.shippedByErp != 0 { add(line.shippedByErp) }
        add(line.sku)
        add(line.lot)
        add(line.erp)
        add(line.erpReference)
        add(line.reason)
    }

    private mutating func add(_ transition: ReservationTransition) {
        add(transition.timeNanoseconds)
        add(transition.from?.rawValue ?? 0)
        add(transition.to.rawValue)
        add(transition.cause.rawValue)
        add(transition.sequence)
        add(transition.correlationID)
    }

    private mutating func add<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        unsafe record.setLittle(offset, value)
        offset += MemoryLayout<Value>.size
    }

    private mutating func add(_ text: String) {
        let text = Self.cut(text)
        add(UInt8(text.utf8.count))
        let start = offset
        unsafe text.withBytes { unsafe record.set(start, $0) }
        offset += text.utf8.count
    }

    private static func textBytes(_ text: String) -> Int { 1 + cut(text).utf8.count }

    /// Longer than its length byte can say is cut at a whole character: reasons of an ERP may be of any length.
    private static func cut(_ text: String) -> String {
        guard text.utf8.count > Int(UInt8.max) else { return text }
        var text = text
        while text.utf8.count > Int(UInt8.max) { text.removeLast() }
        return text
    }
}

/// Reads a reservation. Every read is checked: a record that ends early is as damaged as one with a wrong checksum.
@safe
struct ReservationReader {
    private let record: UnsafeRawBufferPointer
    private var offset = RecordHeader.bytes
    private var isWhole = true

    /// Nil when the record is damaged.
    static func read(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> Reservation? {
        guard key.count == 10, unsafe RecordHeader.isIntact(record, key: key),
            let state = unsafe ReservationState(rawValue: record[1])
        else { return nil }
        var reader = unsafe ReservationReader(record)
        return unsafe reader.reservation(
            number: key.big(2, UInt64.self), state: state, flags: record.little(2, UInt16.self))
    }

    private init(_ record: UnsafeRawBufferPointer) {
        unsafe self.record = unsafe record
    }

    private mutating func reservation(
        number: ReservationNumber, state: ReservationState, flags: UInt16
    ) -> Reservation? {
        var reservation = Reservation(
            number: number, epoch: integer(), channel: "", customer: "", orderReference: "",
            createTimeNanoseconds: integer(), expireTimeNanoseconds: integer(), expireMaxNanoseconds: integer(),
            allowsPartial: flags & 1 != 0, writeMode: flags & 2 != 0 ? .behind : .through, lines: [])
        reservation.state = state
        reservation.version = integer()
        reservation.linkedNumber = integer()
        reservation.linkedEpoch = integer()
        reservation.channel = text()
        reservation.customer = text()
        reservation.orderReference = text()
        let lines: UInt16 = integer()
        let transitions: UInt16 = integer()
        for _ in 0..<lines where isWhole { reservation.lines.append(line()) }
        for _ in 0..<transitions where isWhole { reservation.history.append(transition()) }
        return isWhole && offset == (unsafe record.count) ? reservation : nil
    }

    private mutating func line() -> ReservationLine {
        let id: UInt32 = integer()
        let location: LocationNumber = integer()
        let erpState = ErpState(rawValue: integer())
        if erpState == nil { isWhole = false }
        let flags: UInt8 = integer()
        var line = ReservationLine(
            id: id, sku: "", location: location, requested: integer(), quantity: integer(), erp: "")
        line.erpState = erpState ?? .unknown
        line.isCommitDue = flags & 1 != 0
        line.isMissed = flags & 2 != 0
        line.open = integer()
        line.committed = integer()
        line.fulfilled = integer()
        line.released = integer()
        line.lapsed = integer()
        line.contained = integer()
        line.erpQuantity = integer()
        if flags & 4 != 0 { line.shippedByErp = integer() }
        line.sku = text()
        line.lot = text()
        line.erp = text()
        line.erpReference = text()
        line.reason = text()
        return line
    }

    private mutating func transition() -> ReservationTransition {
        let time: Int64 = integer()
        let from: UInt8 = integer()
        let to = ReservationState(rawValue: integer())
        let cause = ReservationCause(rawValue: integer())
        if to == nil || cause == nil { isWhole = false }
        let sequence: UInt64 = integer()
        return ReservationTransition(
            timeNanoseconds: time, from: ReservationState(rawValue: from), to: to ?? .active, cause: cause ?? .granted,
            correlationID: text(), sequence: sequence)
    }

    private mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>() -> Value {
        guard isWhole, unsafe offset + MemoryLayout<Value>.size <= record.count else {
            isWhole = false
            return 0
        }
        defer { offset += MemoryLayout<Value>.size }
        return unsafe record.little(offset, Value.self)
    }

    private mutating func text() -> String {
        let count = Int(integer() as UInt8)
        guard isWhole, unsafe offset + count <= record.count else {
            isWhole = false
            return ""
        }
        defer { offset += count }
        return unsafe String(decoding: record[offset..<offset + count], as: UTF8.self)
    }
}
