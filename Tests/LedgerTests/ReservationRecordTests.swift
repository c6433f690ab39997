import Inventory
import Testing

@testable import Ledger

/// A reservation with every field at a value of its own.
private func makeReservation(number: ReservationNumber = 77) -> Reservation {
    var reservation = Reservation(
        number: number, epoch: 5, channel: "web", customer: "c-1", orderReference: "order", createTimeNanoseconds: 1,
        expireTimeNanoseconds: 2, expireMaxNanoseconds: 3, allowsPartial: true, writeMode: .behind, lines: [])
    reservation.linkedNumber = 8
    reservation.linkedEpoch = 9
    for id in 1...3 as ClosedRange<UInt32> {
        var line = ReservationLine(
            id: id, sku: "SKU-\(id)", location: 4, requested: 10, quantity: 9, erp: id == 2 ? "" : "erp")
        line.lot = id == 3 ? "" : "LOT-\(id)"
        line.open = 5
        line.committed = 1
        line.fulfilled = 2
        line.released = 2
        line.lapsed = 3
        line.contained = 4
        line.erpQuantity = 6
        line.shippedByErp = id == 1 ? 1 : 0
        line.isCommitDue = id == 3
        line.erpReference = "R\(id)"
        line.reason = "BECAUSE: \(id)"
        reservation.lines.append(line)
    }
    let moment = ReservationMoment(ledgerNanoseconds: 6, sequence: 7, correlationID: "request")
    reservation.note(.granted, from: nil, at: moment)
    reservation.note(.extended, from: .active, at: moment)
    return reservation
}

@Suite struct ReservationRecordTests {
    @Test func aReservationReadsBackAsItWasStored() throws {
        let directory = TemporaryDirectory()
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        var batch = try ledger.beginBatch()
        for number in [77, 3, .max - 1] as [UInt64] {
            try batch.setReservation(makeReservation(number: number), replacing: nil, tenant: 1)
        }
        _ = try batch.commit()
        let reader = try ledger.makeReader()
        try reader.renew()
        #expect(try reader.reservation(77, tenant: 1) == makeReservation())
        #expect(try reader.reservation(76, tenant: 1) == nil)
        #expect(try reader.reservation(77, tenant: 2) == nil)
        var backwards: [ReservationNumber] = []
        try reader.forEachReservationBackwards(tenant: 1) { reservation throws(LedgerError) in
            backwards.append(reservation.number)
            return true
        }
        #expect(backwards == [.max - 1, 77, 3])
        #expect(reader.state.reservations == 3)
        #expect(reader.state.openReservations == 3)
    }

    @Test func everyFlippedBitAndEveryCutOfAReservationIsFound() {
        let key = KeyBuffer.reservation(tenant: 1, number: 77)
        let keyBytes = [UInt8](key.bytes)
        var bytes = [UInt8](repeating: 0xEE, count: ReservationRecord.bytes(of: makeReservation()))
        bytes.withUnsafeMutableBytes { record in
            keyBytes.withUnsafeBytes { ReservationRecord.encode(makeReservation(), into: record, key: $0) }
        }
        func read(_ bytes: [UInt8]) -> Reservation? {
            keyBytes.withUnsafeBytes { key in bytes.withUnsafeBytes { ReservationReader.read($0, key: key) } }
        }
        #expect(read(bytes) == makeReservation())
        for bit in 0..<(bytes.count * 8) {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(read(changed) == nil, "bit \(bit)")
        }
        // Cut short and sealed again, as a fault of ours would write it: refused all the same.
        for count in RecordHeader.bytes..<bytes.count {
            var cut = Array(bytes[..<count])
            cut.withUnsafeMutableBytes { record in
                keyBytes.withUnsafeBytes { RecordHeader.seal(record, key: $0, byte: 1, word: 3) }
            }
            #expect(read(cut) == nil, "cut to \(count)")
        }
    }

    @Test func theHoldsOfAPositionLieInOrderOfTheirExpiryAndBesideNoOther() throws {
        let directory = TemporaryDirectory()
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        var batch = try ledger.beginBatch()
        func row(_ sku: String, _ location: LocationNumber, _ expiry: Int64, _ number: UInt64) -> HoldRow {
            HoldRow(
                sku: sku, location: location, expireTimeNanoseconds: expiry, number: number, lineID: 1, channel: 2,
                open: 3, contained: 1, lot: number == 2 ? "" : "LOT-\(number)")
        }
        let rows = [
            row("A", 1, .max, 1), row("A", 1, 20, 2), row("A", 1, 10, 3), row("A", 2, 5, 4), row("AB", 1, 1, 5),
        ]
        for row in rows { try batch.setHold(row, tenant: 1) }
        for sku in ["A", "AB"] { try batch.setPosition(makePosition(onHand: 9), tenant: 1, sku: sku, location: 1) }
        _ = try batch.commit()
        let reader = try ledger.makeReader()
        try reader.renew()
        var found: [HoldRow] = []
        try reader.forEachHold(tenant: 1, sku: "A", location: 1) { row throws(LedgerError) in
            found.append(row)
            return true
        }
        #expect(found.map(\.number) == [3, 2, 1])
        #expect(found.last == rows[0])
        #expect(try reader.positions(tenant: 1, sku: "A").map(\.location) == [1])
        var skus: [String] = []
        try reader.forEachPosition(tenant: 1) { sku, _, _ throws(LedgerError) in
            skus.append(sku)
            return true
        }
        #expect(skus == ["A", "AB"])
        #expect(
            try reader.skus(tenant: 1, after: nil, countMax: 9).map(\.bytes) == [Array("A".utf8), Array("AB".utf8)])
        #expect(reader.state.holds == 5)
    }

    @Test func requestsAndChangesReadBackAndArePruned() throws {
        let directory = TemporaryDirectory()
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        var batch = try ledger.beginBatch()
        for index in 1...20 as ClosedRange<UInt64> {
            try batch.addRequest(
                RequestRecord(number: index, bodyDigest: 9, timeNanoseconds: Int64(index)), tenant: 1, channel: 2,
                method: .create, id: "request-\(index)")
            let subject: LedgerChange.Subject =
                index.isMultiple(of: 2)
                ? .shortfall(4, sku: "A", location: 3) : .reservation(index, channel: 2, cause: .expired)
            try batch.addChange(
                LedgerChange(sequence: index, timeNanoseconds: Int64(index), subject: subject), tenant: 1)
        }
        try batch.pruneChanges(tenant: 1, before: 5, limit: 100)
        try batch.pruneReservations(tenant: 1, visiting: 100, before: 11)
        _ = try batch.commit()
        let reader = try ledger.makeReader()
        try reader.renew()
        #expect(try reader.request(tenant: 1, channel: 2, method: .create, id: "request-10") == nil)
        #expect(try reader.request(tenant: 1, channel: 2, method: .create, id: "request-11")?.number == 11)
        #expect(try reader.request(tenant: 1, channel: 2, method: .extend, id: "request-11") == nil)
        #expect(reader.state.requestIDs == 10)
        #expect(reader.state.changesPrunedThrough == 4)
        var changes: [LedgerChange] = []
        try reader.forEachChange(tenant: 1, after: 5) { change throws(LedgerError) in
            changes.append(change)
            return changes.count < 2
        }
        #expect(changes.map(\.sequence) == [6, 7])
        #expect(changes.first?.subject == .shortfall(4, sku: "A", location: 3))
        #expect(changes.last?.subject == .reservation(7, channel: 2, cause: .expired))
    }
}
