internal import Inventory
internal import Ledger

extension InventoryEvent {
    /// Tells a repeat from another body under the same id, in whatever form either came: of what the event says, not of how it
    /// was written. Its id and source are left out, since only events of one id are compared.
    var canonicalDigest: UInt64 {
        var text = CanonicalText()
        text.add(Int64(kind.contractNumber))
        if case .unsupported(let name) = kind { text.add(name) }
        text.add(sequence.map { Int64(bitPattern: $0) })
        text.add(occurredAtNanoseconds)
        for name in [sku, location, toLocation, lot] { text.add(name) }
        text.add(quantity)
        text.add(status.map { Int64($0.rawValue) })
        text.add(toStatus.map { Int64($0.rawValue) })
        for name in [reason, reference, hold.reservationID, hold.erpReference, hold.orderReference, correlationID] {
            text.add(name)
        }
        text.add(Int64(hold.lineID))
        for bucket in Bucket.allCases { text.add(snapshot.touched.contains(bucket) ? snapshot.values[bucket] : nil) }
        text.add(supply.id)
        for number in [supply.quantity, supply.expectedAtNanoseconds, supply.backordered] { text.add(number) }
        text.add(Int64(contains.count))
        for hold in contains {
            text.add(hold.reservationID)
            text.add(Int64(hold.lineID))
            text.add(hold.quantity)
        }
        return ContentDigest.of(text.bytes)
    }
}

extension InventoryEventKind {
    /// 0 of what the contract does not number.
    fileprivate var contractNumber: Int {
        switch self {
        case .unsupported: 0
        case .receiptPosted: 1
        case .pickConfirmed: 2
        case .shipmentConfirmed: 3
        case .transferShipped: 4
        case .transferReceived: 5
        case .returnReceived: 6
        case .adjustment: 7
        case .cycleCount: 8
        case .statusChanged: 9
        case .allocationCreated: 10
        case .allocationReleased: 11
        case .orderAccepted: 12
        case .orderCancelled: 13
        case .positionSnapshot: 14
        case .supplyUpdated: 15
        case .supplyCancelled: 16
        case .sourceHeartbeat: 17
        }
    }
}

/// Fields one after the other, each with its length, so that no two events have the same bytes.
private struct CanonicalText {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(320) }

    mutating func add(_ text: String) {
        add(UInt64(text.utf8.count), bytes: 4)
        bytes.append(contentsOf: text.utf8)
    }

    mutating func add(_ number: Int64?) {
        bytes.append(number == nil ? 0 : 1)
        if let number { add(UInt64(bitPattern: number), bytes: 8) }
    }

    private mutating func add(_ word: UInt64, bytes count: Int) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * index))) }
    }
}
