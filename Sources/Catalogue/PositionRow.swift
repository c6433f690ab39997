internal import Engine
internal import Inventory
internal import Ledger
internal import Records

/// One row: the figures of a sku at a location.
struct PositionRow: Equatable {
    var sku = ""
    var location = ""
    var touched: BucketSet = []
    var values = Buckets()
    /// Absent: the file's time.
    var occurredAtNanoseconds: WallNanoseconds?
    /// Whether a column was there that is not the sender's to set.
    var hasIgnoredColumns = false

    mutating func set(_ bucket: Bucket, to value: Int64) {
        touched.insert(BucketSet(bucket))
        values[bucket] = value
    }

    /// What no single cell shows.
    func validate() throws(CellProblem) {
        if sku.isEmpty { throw CellProblem(column: "sku", reason: "is required") }
        if location.isEmpty { throw CellProblem(column: "location", reason: "is required") }
        if touched.isEmpty { throw CellProblem(reason: "no bucket has a value") }
    }

    /// The row as a POSITION_SNAPSHOT. The same figures at the same time give the same id, whichever file they are in.
    func event(
        idPrefix: String, source: String, occurredAtNanoseconds: WallNanoseconds, original: [UInt8]
    ) -> IncomingEvent {
        let content = canonicalBytes(occurredAtNanoseconds: occurredAtNanoseconds)
        let digest = ContentDigest.of(content)
        let id = "\(idPrefix)\(idStart):\(hexadecimal(digest))\(hexadecimal(ContentDigest.of(content, seed: 1)))"
        let event = InventoryEvent(
            id: id, source: source, kind: .positionSnapshot, occurredAtNanoseconds: occurredAtNanoseconds, sku: sku,
            location: location, snapshot: StockEffect(isAbsolute: true, touched: touched, values: values))
        return IncomingEvent(event: event, original: original)
    }

    /// The sku's first characters. They put the ids of a file in order of sku into neighbouring pages of the ledger; by
    /// their digests alone each row would rewrite a page of its own.
    private var idStart: Substring {
        var end = sku.utf8.index(sku.startIndex, offsetBy: 24, limitedBy: sku.endIndex) ?? sku.endIndex
        while end.samePosition(in: sku.unicodeScalars) == nil { sku.utf8.formIndex(before: &end) }
        return sku[..<end]
    }

    /// What the digest is made of. Fixed: another layout would apply every file once more.
    private func canonicalBytes(occurredAtNanoseconds: WallNanoseconds) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(sku.utf8.count + location.utf8.count + 12 + 8 * Buckets.count)
        // A zero byte occurs in neither name.
        bytes.append(contentsOf: sku.utf8)
        bytes.append(0)
        bytes.append(contentsOf: location.utf8)
        bytes.append(0)
        append(UInt64(bitPattern: occurredAtNanoseconds), to: &bytes)
        bytes.append(UInt8(truncatingIfNeeded: touched.rawValue))
        bytes.append(UInt8(truncatingIfNeeded: touched.rawValue >> 8))
        for bucket in Bucket.allCases where touched.contains(bucket) {
            append(UInt64(bitPattern: values[bucket]), to: &bytes)
        }
        return bytes
    }
}

/// Little-endian.
private func append(_ word: UInt64, to bytes: inout [UInt8]) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: word >> shift))
    }
}

private func hexadecimal(_ word: UInt64) -> String {
    String(unsafeUninitializedCapacity: 16) { digits in
        for index in 0..<16 {
            let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * index)) & 15
            digits[index] = nibble < 10 ? 48 + nibble : 87 + nibble
        }
        return 16
    }
}
