public import Inventory

extension LedgerReading where Self: ~Copyable {
    /// Nil when there is none.
    public borrowing func variance(tenant: TenantNumber, number: UInt64) throws(LedgerError) -> Variance? {
        let key = KeyBuffer.variance(tenant: tenant, number: number)
        guard let record = unsafe try record(key.bytes, in: .variances) else { return nil }
        return unsafe try decode(Variance.self, record, key: key.bytes, in: .variances)
    }

    /// A tenant's variances from the newest, or from the one before `before`, backwards; until `body` says false.
    public borrowing func forEachVarianceBackwards(
        tenant: TenantNumber, before: UInt64 = .max,
        _ body: (_ number: UInt64, Variance) throws(LedgerError) -> Bool
    ) throws(LedgerError) {
        let start = KeyBuffer.variance(tenant: tenant, number: before)
        unsafe try scan(.variances, from: start.bytes, descending: true) { key, record throws(LedgerError) in
            guard key.count == 10, unsafe key.big(0, TenantNumber.self) == tenant else { return false }
            let value = unsafe try decode(Variance.self, record, key: key, in: .variances)
            return unsafe try body(key.big(2, UInt64.self), value)
        }
    }

    /// The variance of a bucket that a comparison found and nobody has decided; nil: none.
    public borrowing func openVariance(
        tenant: TenantNumber, sku: String, location: LocationNumber, bucket: Bucket
    ) throws(LedgerError) -> UInt64? {
        let key = KeyBuffer.openVariance(tenant: tenant, sku: sku, location: location, bucket: bucket)
        guard let record = unsafe try record(key.bytes, in: .openVariances) else { return nil }
        guard record.count == RecordHeader.bytes + 8, unsafe RecordHeader.isIntact(record, key: key.bytes) else {
            throw unsafe damaged(key.bytes, in: .openVariances)
        }
        return unsafe record.little(RecordHeader.bytes, UInt64.self)
    }
}
