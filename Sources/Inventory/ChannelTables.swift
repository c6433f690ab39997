/// What the evaluation of a line reads of a channel. Owned by its `CompiledChannel`.
struct ChannelTables: Sendable {
    /// By location number.
    let rows: Table<LocationRow>
    let sourcing: Table<LocationNumber>
    let overrides: SkuOverrides
    /// The directory's own; valid because the channel holds the directory.
    let memberships: GroupMemberships
    /// `Int64.max`: no cap.
    let cap: Int64
    let floor: Int64
    let splitAllowed: Bool
    /// Kept back at each location in addition while the channel is degraded.
    let degradationBuffer: StockBuffer
    /// The override for all skus applied.
    let holds: HoldTerms
    /// Whether any share is below the whole, so that the channel's own holds count.
    let countsOwnHolds: Bool

    init(
        _ policy: ChannelPolicy, sourcing: [LocationNumber], overrides: [SkuOverrides.Item],
        directory: LocationDirectory
    ) {
        var everywhere = policy.terms
        var holds = policy.holds
        var atLocation: [LocationNumber: PolicyPatch] = [:]
        for item in overrides where item.override.skus == .all {
            let patch = PolicyPatch(item.override)
            if let location = item.location {
                atLocation[location] = patch
            } else {
                everywhere = patch.applied(to: policy.terms)
                holds = item.override.holds.applied(to: policy.holds)
            }
        }
        var rows: [LocationRow] = []
        for number in 0..<directory.entries.count {
            let entry = directory.entries[number]
            let terms = atLocation[LocationNumber(number)]?.applied(to: everywhere) ?? everywhere
            rows.append(LocationRow(terms: terms, owner: entry.owner, isActive: entry.isActive))
        }
        for (rank, number) in sourcing.enumerated() { rows[Int(number)].rank = UInt16(rank + 1) }
        self.rows = Table(rows)
        self.sourcing = Table(sourcing)
        self.overrides = SkuOverrides(overrides)
        memberships = directory.memberships
        cap = policy.cap ?? .max
        floor = policy.floor
        splitAllowed = policy.splitAllowed
        degradationBuffer = policy.degradationBuffer
        self.holds = holds
        countsOwnHolds =
            policy.terms.sharePercent != 100 || policy.overrides.contains { ($0.sharePercent ?? 100) != 100 }
    }

    func deallocate() {
        rows.deallocate()
        sourcing.deallocate()
        overrides.deallocate()
    }
}

/// A location as one channel sees it.
struct LocationRow: BitwiseCopyable {
    /// Overrides for all skus applied.
    var terms: PolicyTerms
    /// The source whose watermark vouches for it; 0: it has no owner.
    var owner: SourceNumber
    /// Place in the sourcing order, from 1; 0: the channel may not sell from it.
    var rank: UInt16 = 0
    var isActive: Bool

    var isEligible: Bool { rank != 0 }
}
