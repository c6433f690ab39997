internal import Inventory

/// A `StockEffect` as bytes; whether it is absolute stands in the key. See Schema.swift.
enum JournalRecord {
    static func bytes(of effect: StockEffect) -> Int {
        RecordHeader.bytes + effect.touched.rawValue.nonzeroBitCount * 8
    }

    static func encode(
        _ effect: StockEffect, into record: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer
    ) {
        var offset = RecordHeader.bytes
        for bucket in Bucket.allCases where effect.touched.contains(bucket) {
            unsafe record.setLittle(offset, effect.values[bucket])
            offset += 8
        }
        unsafe RecordHeader.seal(record, key: key, word: effect.touched.rawValue)
    }

    /// Nil when the record is damaged.
    static func decode(
        _ record: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, isAbsolute: Bool
    ) -> StockEffect? {
        guard unsafe RecordHeader.isIntact(record, key: key) else { return nil }
        let touched = BucketSet(rawValue: unsafe record.little(2, UInt16.self))
        var effect = StockEffect(isAbsolute: isAbsolute, touched: touched)
        guard touched.rawValue < 1 << UInt16(Buckets.count), record.count == bytes(of: effect) else { return nil }
        var offset = RecordHeader.bytes
        for bucket in Bucket.allCases where touched.contains(bucket) {
            effect.values[bucket] = unsafe record.little(offset, Int64.self)
            offset += 8
        }
        return effect
    }
}
