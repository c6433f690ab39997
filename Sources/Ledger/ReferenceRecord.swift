public import Inventory
internal import LMDB

/// A `ReferenceLine` as bytes; see Schema.swift.
enum ReferenceRecord {
    private static let entriesStart = 40
    private static let entryBytes = 5 * 8 + 2

    static func bytes(of line: ReferenceLine) -> Int {
        line.entries.reduce(entriesStart) { $0 + entryBytes + $1.key.id.utf8.count + holdsBytes($1.holds.count) }
    }

    /// Of an entry without any: none.
    private static func holdsBytes(_ count: Int) -> Int { count == 0 ? 0 : 1 + count * 8 }

    /// - Parameter record: of `bytes(of:)`.
    static func encode(
        _ line: ReferenceLine, into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer
    ) {
        unsafe record.setLittle(16, line.foldedThroughNanoseconds)
        unsafe record.setLittle(24, line.foldedUnits)
        unsafe record.setLittle(32, line.touchedNanoseconds)
        var offset = entriesStart
        for entry in line.entries {
            unsafe record.setLittle(offset, entry.occurredAtNanoseconds)
            unsafe record.setLittle(offset + 8, entry.key.primary)
            unsafe record.setLittle(offset + 16, entry.key.source)
            unsafe record.setLittle(offset + 24, entry.units)
            unsafe record.setLittle(offset + 32, entry.effect)
            unsafe record.setLittle(
                offset + 40,
                UInt8(
                    (entry.opens ? 1 : 0) | (entry.isFixed ? 2 : 0) | (entry.mayStandAlone ? 4 : 0)
                        | (entry.isOfHold ? 8 : 0) | (entry.isOurs ? 16 : 0) | (entry.hasLostHold ? 32 : 0)
                        | (entry.holds.isEmpty ? 0 : 64)))
            unsafe record.setLittle(offset + 41, UInt8(entry.key.id.utf8.count))
            let start = offset + entryBytes
            unsafe entry.key.id.withBytes { unsafe record.set(start, $0) }
            offset = start + entry.key.id.utf8.count
            if entry.holds.isEmpty { continue }
            unsafe record.setLittle(offset, UInt8(entry.holds.count))
            for (index, hold) in entry.holds.enumerated() { unsafe record.setLittle(offset + 1 + index * 8, hold) }
            offset += holdsBytes(entry.holds.count)
        }
        unsafe RecordHeader.seal(record, key: key, byte: 0)
    }

    /// Nil when the record is damaged.
    static func decode(_ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> ReferenceLine? {
        guard record.count >= entriesStart, unsafe RecordHeader.isIntact(record, key: key) else { return nil }
        var entries: [ReferenceLine.Entry] = []
        var offset = entriesStart
        while offset < record.count {
            guard record.count - offset >= entryBytes else { return nil }
            let idBytes = Int(unsafe record.little(offset + 41, UInt8.self))
            guard idBytes > 0, record.count - offset >= entryBytes + idBytes else { return nil }
            let flags = unsafe record.little(offset + 40, UInt8.self)
            let id = unsafe String(
                decoding: record[offset + entryBytes..<offset + entryBytes + idBytes], as: UTF8.self)
            var entry = unsafe ReferenceLine.Entry(
                occurredAtNanoseconds: record.little(offset, Int64.self),
                key: OrderKey(
                    primary: record.little(offset + 8, Int64.self), isAbsolute: false,
                    source: record.little(offset + 16, UInt64.self), id: id),
                units: record.little(offset + 24, Int64.self), opens: flags & 1 != 0,
                mayStandAlone: flags & 4 != 0, isOfHold: flags & 8 != 0)
            unsafe entry.effect = record.little(offset + 32, Int64.self)
            entry.isFixed = flags & 2 != 0
            entry.isOurs = flags & 16 != 0
            entry.hasLostHold = flags & 32 != 0
            offset += entryBytes + idBytes
            if flags & 64 != 0 {
                guard offset < record.count else { return nil }
                let count = Int(unsafe record.little(offset, UInt8.self))
                guard count > 0, record.count - offset >= holdsBytes(count) else { return nil }
                for index in 0..<count { entry.holds.append(unsafe record.little(offset + 1 + index * 8, UInt64.self)) }
                offset += holdsBytes(count)
            }
            entries.append(entry)
        }
        return unsafe ReferenceLine(
            entries: entries, foldedThroughNanoseconds: record.little(16, Int64.self),
            foldedUnits: record.little(24, Int64.self), touchedNanoseconds: record.little(32, Int64.self))
    }
}

extension LedgerReading where Self: ~Copyable {
    /// What is kept of a transfer or an allocation; nil: nothing.
    public borrowing func reference(
        tenant: TenantNumber, sku: String, location: LocationNumber, kind: ReferenceKind, lot: String = "",
        reference: String
    ) throws(LedgerError) -> ReferenceLine? {
        let key = KeyBuffer.reference(
            tenant: tenant, sku: sku, location: location, kind: kind, lot: lot, reference: reference)
        guard let record = unsafe try record(key.bytes, in: .references) else { return nil }
        guard let line = unsafe ReferenceRecord.decode(record, key: key.bytes) else {
            throw unsafe damaged(key.bytes, in: .references)
        }
        return line
    }
}

/// A transfer or an allocation that is forgotten, and not all of it had found its pair.
public struct UnpairedReference: Sendable, Equatable {
    public let sku: String
    public let location: LocationNumber
    public let kind: ReferenceKind
    /// Empty: none.
    public let lot: String
    /// The closings, at least one.
    public let closings: [ReferenceLine.Entry]
}

extension WriteBatch {
    /// Stores what is kept of a transfer or an allocation, new or changed.
    public mutating func setReference(
        _ line: ReferenceLine, tenant: TenantNumber, sku: String, location: LocationNumber, kind: ReferenceKind,
        lot: String = "", reference: String
    ) throws(LedgerError) {
        let key = KeyBuffer.reference(
            tenant: tenant, sku: sku, location: location, kind: kind, lot: lot, reference: reference)
        let isNew = unsafe try upsert(key.bytes, reserving: ReferenceRecord.bytes(of: line), in: .references) {
            record in
            unsafe ReferenceRecord.encode(line, into: record, key: key.bytes)
        }
        if isNew { state.references += 1 }
    }

    /// Looks at the next `count` of them from where the last call stopped, wrapping round, and forgets those that nothing
    /// within a horizon that begins at a time can need. Returns those that lacked their opening. A damaged record is passed over.
    public mutating func pruneReferences(
        tenant: TenantNumber, visiting count: Int, before nanoseconds: WallNanoseconds
    ) throws(LedgerError) -> [UnpairedReference] {
        var unpaired: [UnpairedReference] = []
        let forgotten = unsafe try prune(.references, visiting: count) { key, record in
            guard key.count > 2, unsafe key.big(0, TenantNumber.self) == tenant else { return false }
            guard let line = unsafe ReferenceRecord.decode(record, key: key),
                line.isOver(beforeNanoseconds: nanoseconds)
            else { return false }
            let closings = line.unpaired
            if !closings.isEmpty, let stock = unsafe StockKey(key), let first = unsafe stock.rest.first,
                let kind = ReferenceKind(rawValue: first), let end = unsafe stock.rest.dropFirst().firstIndex(of: 0)
            {
                unpaired.append(
                    unsafe UnpairedReference(
                        sku: String(decoding: stock.sku, as: UTF8.self), location: stock.location, kind: kind,
                        lot: String(decoding: stock.rest[1..<end], as: UTF8.self), closings: closings))
            }
            return true
        }
        state.references -= UInt64(forgotten)
        return unpaired
    }
}
