import Engine
import Erp
import Inventory

/// What a world is made of; the same for all its life.
struct WorldTerms {
    static let start: WallNanoseconds = 1_800_000_000 * .perSecond
    static let skus = (10..<30).map { "S\($0)" }
    static let lots = ["A", "B", "C"]
    static let locationNames = ["L1", "L2", "L3"]
    static let unknownLocation = "L9"
    static let sources = ["wms", "shop"]
    static let customers = ["", "", "", "c1", "c2"]

    /// By the ledger's numbers; known once it is open.
    var locations: [LocationNumber: String] = [:]
    let channels: [String]
    let erps: ErpDirectory
    let capabilities: [String: ErpCapabilities]
    let retention = 7_200 * Int64.perSecond
    /// The same for all policies, so that what may be forgotten never depends on which of them is in force.
    let longestTTL: Int64
    /// Holds that one commit ends at most.
    let expiriesPerCommit: Int
    /// Dead letters that are kept; nil: more than there will ever be.
    let deadLettersMax: Int?
    /// A sweep that lags is let go by the limits of customers, so a world has one or the other.
    var hasCustomerLimits: Bool { expiriesPerCommit > 100 }

    /// - Parameter isAlone: no other tenant's dead letters count.
    init(_ chance: inout Chance, isAlone: Bool) {
        deadLettersMax = isAlone && chance.oneIn(3) ? 2 + chance.below(12) : nil
        channels = Array(["web", "shop", "b2b"].prefix(2 + chance.below(2)))
        longestTTL = chance.pick([1_800, 14_400]) * .perSecond
        expiriesPerCommit = chance.oneIn(3) ? 2 : 1_000
        // One that knows our ids and takes parts, and one like Tryton.
        let able = ErpCapabilities(
            isIdempotent: true, isAtomic: false, allowsPartial: true, takesCommits: true, batchMax: 4,
            latestEffectSeconds: 5)
        let plain = ErpCapabilities(
            isIdempotent: false, isAtomic: true, allowsPartial: false, takesCommits: false, batchMax: 2,
            latestEffectSeconds: 30)
        capabilities = ["able": able, "plain": plain]
        var locations = ["L1": "able", "L2": "plain"]
        locations["L3"] = chance.pick([nil, "able", "plain"])
        erps = ErpDirectory(
            terms: capabilities.sorted { $0.key < $1.key }.map { name, capabilities in
                ErpTerms(
                    name: name, takesCommits: capabilities.takesCommits,
                    allowsPartialRelease: capabilities.allowsPartial)
            }, locations: locations)
    }

    func knows(_ location: String) -> Bool { Self.locationNames.contains(location) }

    var settings: EngineSettings {
        var settings = EngineSettings()
        settings.erps = erps
        settings.reservationRetentionNanoseconds = retention
        settings.expiriesPerCommitMax = expiriesPerCommit
        if let deadLettersMax { settings.deadLettersMax = deadLettersMax }
        return settings
    }

    // MARK: Policies

    func policy(_ chance: inout Chance) -> ChannelPolicy {
        var policy = ChannelPolicy()
        policy.sourcing = Array(chance.shuffled(Self.locationNames).prefix(1 + chance.below(3)))
        policy.terms.sharePercent = chance.pick([100, 100, 100, 80, 50, 33])
        policy.terms.buffer = chance.pick([.units(0), .units(0), .units(2), .percent(10)])
        policy.terms.safetyStock = chance.pick([0, 0, 0, 1])
        policy.terms.allowedOversell = chance.pick([0, 0, 0, 1, 3])
        policy.terms.countInTransit = chance.oneIn(4)
        policy.cap = chance.oneIn(4) ? 9 : nil
        policy.floor = chance.pick([0, 0, 0, 2])
        policy.splitAllowed = chance.oneIn(2)
        policy.holds.defaultTTLNanoseconds = chance.seconds(20...300)
        policy.holds.longestTTLNanoseconds = longestTTL
        policy.holds.writeMode = chance.pick([.through, .behind])
        if hasCustomerLimits {
            policy.holds.customerHoldsMax = chance.pick([nil, nil, 3])
            policy.holds.customerUnitsMax = chance.pick([nil, nil, 8])
        }
        policy.overrides = overrides(&chance)
        return policy
    }

    private func overrides(_ chance: inout Chance) -> [PolicyOverride] {
        var overrides: [PolicyOverride] = []
        let targets: [PolicyOverride.Skus] = [.all, .sku(chance.pick(Self.skus))]
        for skus in targets {
            for location in [nil, chance.pick(Self.locationNames)] where chance.oneIn(5) {
                var item = PolicyOverride(skus: skus, location: location)
                switch chance.below(3) {
                case 0: item.sharePercent = chance.pick([100, 60])
                case 1: item.allowedOversell = chance.within(0...2)
                default: item.buffer = .units(chance.within(0...3))
                }
                if location == nil, skus != .all, chance.oneIn(2) {
                    item.holds.longestTTLNanoseconds = chance.seconds(30...300)
                    item.holds.writeMode = .through
                    if hasCustomerLimits { item.holds.customerUnitsMax = 4 }
                }
                overrides.append(item)
            }
        }
        return overrides
    }
}
