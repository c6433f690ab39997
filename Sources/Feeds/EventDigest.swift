internal import Crypto
internal import Inventory

extension InventoryEvent {
    /// Tells a repeat from another body under the same id, in whatever form either came. Of what the event says, not of how
    /// it was written.
    var contentDigest: UInt64 {
        var texts = [
            id, source, kind.contractName, sku, location, toLocation, lot, reason, reference, supplyID, correlationID,
            hold.reservationID, hold.erpReference, hold.orderReference,
        ]
        texts += contains.map(\.reservationID)
        var numbers: [Int64?] = [
            sequence.map { Int64(bitPattern: $0) }, occurredAtNanoseconds, quantity, status.map { Int64($0.rawValue) },
            toStatus.map { Int64($0.rawValue) }, Int64(hold.lineID),
        ]
        for hold in contains { numbers += [Int64(hold.lineID), hold.quantity] }
        numbers += Bucket.allCases.map { snapshot.touched.contains($0) ? snapshot.values[$0] : nil }
        // No text has the separator: what has control characters is no event.
        let content = (texts + numbers.map { $0.map { String($0) } ?? "" }).joined(separator: "\u{0}")
        return SHA256.hash(data: Array(content.utf8)).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
