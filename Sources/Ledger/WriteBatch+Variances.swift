public import Inventory
internal import LMDB

extension WriteBatch {
    /// Keeps a new variance, and of `Limits.variancesMax` the newest; returns its number.
    @discardableResult
    public mutating func addVariance(_ variance: Variance, tenant: TenantNumber) throws(LedgerError) -> UInt64 {
        if state.variances >= Limits.variancesMax { try forgetOldestVariance(tenant: tenant) }
        let number = state.lastVariance + 1
        try putVariance(variance, number: number, tenant: tenant)
        state.lastVariance = number
        state.variances += 1
        return number
    }

    /// Stores a variance that is kept already.
    public mutating func setVariance(
        _ variance: Variance, number: UInt64, tenant: TenantNumber
    ) throws(LedgerError) {
        try putVariance(variance, number: number, tenant: tenant)
    }

    /// The variance of a bucket that is open for comparisons to come; nil: none is.
    public mutating func setOpenVariance(
        _ number: UInt64?, tenant: TenantNumber, sku: String, location: LocationNumber, bucket: Bucket
    ) throws(LedgerError) {
        let key = KeyBuffer.openVariance(tenant: tenant, sku: sku, location: location, bucket: bucket)
        guard let number else {
            _ = unsafe try delete(key.bytes, in: .openVariances)
            return
        }
        unsafe try put(key.bytes, reserving: RecordHeader.bytes + 8, in: .openVariances) { record in
            unsafe record.setLittle(RecordHeader.bytes, number)
            unsafe RecordHeader.seal(record, key: key.bytes)
        }
    }

    private mutating func putVariance(
        _ variance: Variance, number: UInt64, tenant: TenantNumber
    ) throws(LedgerError) {
        let key = KeyBuffer.variance(tenant: tenant, number: number)
        unsafe try putJSON(variance, key: key.bytes, in: .variances)
    }

    /// What it was about is found anew by the next comparison, if it is still so.
    private mutating func forgetOldestVariance(tenant: TenantNumber) throws(LedgerError) {
        let start = KeyBuffer.variance(tenant: tenant, number: 0)
        var oldest: (number: UInt64, Variance)?
        unsafe try scan(.variances, from: start.bytes, descending: false) { key, record throws(LedgerError) in
            unsafe oldest = (
                key.big(2, UInt64.self), try decode(Variance.self, record, key: key, in: .variances)
            )
            return false
        }
        guard let (number, variance) = oldest else { return }
        let bucket = Bucket.allCases.first { $0.name == variance.bucket }
        if let bucket, variance.location != 0,
            try openVariance(
                tenant: tenant, sku: variance.sku, location: variance.location, bucket: bucket) == number
        {
            try setOpenVariance(
                nil, tenant: tenant, sku: variance.sku, location: variance.location, bucket: bucket)
        }
        let key = KeyBuffer.variance(tenant: tenant, number: number)
        if unsafe try delete(key.bytes, in: .variances) { state.variances -= 1 }
    }
}
