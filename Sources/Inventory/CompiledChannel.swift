/// A channel's policy made ready for the read path: names resolved, overrides by location merged, skus indexed.
///
/// Made off the read path from one version of the channel and of the catalogue, so a change of either makes a new one.
/// Immutable; any thread may read it.
public final class CompiledChannel: Sendable {
    public let channel: Channel
    /// The locations it was made with; it and the numbers in it stay valid as long as this object.
    public let directory: LocationDirectory
    /// Locations the channel may sell from, groups replaced by their members, each once, in sourcing order.
    public let sourcing: [LocationNumber]
    /// Whether any term limits what one customer may hold.
    public let limitsCustomers: Bool

    /// Lives as long as this object, at a fixed address, so that a line's evaluation need not retain anything.
    nonisolated(unsafe) let tables: UnsafePointer<ChannelTables>
    private nonisolated(unsafe) let ownedTables: UnsafeMutablePointer<ChannelTables>

    public var policyVersion: UInt64 { channel.policyVersion }
    /// A sum below this many units counts 0.
    public var floor: Int64 { tables.pointee.floor }
    /// Whether one line may be served from several locations.
    public var splitAllowed: Bool { tables.pointee.splitAllowed }

    /// Throws what is wrong with the policy, by the contract's field path.
    public init(_ channel: Channel, directory: LocationDirectory) throws(PolicyError) {
        let policy = channel.policy
        try policy.check()
        let sourcing = try Self.resolveSourcing(policy.sourcing, directory)
        let overrides = try Self.resolveOverrides(policy.overrides, directory)
        let tables = ChannelTables(policy, sourcing: sourcing, overrides: overrides, directory: directory)
        self.channel = channel
        self.directory = directory
        self.sourcing = sourcing
        limitsCustomers =
            policy.holds.customerHoldsMax != nil || policy.holds.customerUnitsMax != nil
            || policy.overrides.contains { $0.holds.customerUnitsMax != nil }
        ownedTables = .allocate(capacity: 1)
        ownedTables.initialize(to: tables)
        self.tables = UnsafePointer(ownedTables)
    }

    deinit {
        ownedTables.pointee.deallocate()
        ownedTables.deinitialize(count: 1)
        ownedTables.deallocate()
    }

    /// Whether the channel may sell from the location, active or not.
    public func isEligible(_ location: LocationNumber) -> Bool {
        Int(location) < tables.pointee.rows.count && tables.pointee.rows[Int(location)].isEligible
    }

    /// The terms that hold for a sku at a location, overrides applied; nil for an unknown location.
    public func terms(sku: UnsafeRawBufferPointer, location: LocationNumber) -> PolicyTerms? {
        guard directory.location(location) != nil else { return nil }
        var terms = tables.pointee.rows[Int(location)].terms
        let overrides = tables.pointee.overrides
        overrides.apply(node: overrides.node(of: sku), location: location, to: &terms)
        return terms
    }

    /// The terms of a hold of the sku, overrides applied. Overrides may state the two TTLs apart from each other: where
    /// the default came to lie above the longest, it is cut to it.
    public func holdTerms(sku: UnsafeRawBufferPointer) -> HoldTerms {
        let overrides = tables.pointee.overrides
        var terms = overrides.holdTerms(node: overrides.node(of: sku), of: tables.pointee.holds)
        terms.defaultTTLNanoseconds = min(terms.defaultTTLNanoseconds, terms.longestTTLNanoseconds)
        return terms
    }

    private static func resolveSourcing(
        _ names: [String], _ directory: LocationDirectory
    ) throws(PolicyError) -> [LocationNumber] {
        var sourcing: [LocationNumber] = []
        var seenNames: Set<String> = []
        var seen: Set<LocationNumber> = []
        for (index, name) in names.enumerated() {
            let field = "policy.sourcing[\(index)]"
            guard seenNames.insert(name).inserted else {
                throw PolicyError(field: field, problem: "\(name) is named twice")
            }
            guard !name.isEmpty, let scope = directory.scope(named: name) else {
                throw PolicyError(field: field, problem: "no location or group is called \(name)")
            }
            switch scope {
            case .all: break
            case .one(let number):
                if seen.insert(number).inserted { sourcing.append(number) }
            case .group(let group):
                for member in directory.groups[group].members {
                    if let number = directory.number(of: member), seen.insert(number).inserted {
                        sourcing.append(number)
                    }
                }
            }
        }
        return sourcing
    }

    private static func resolveOverrides(
        _ overrides: [PolicyOverride], _ directory: LocationDirectory
    ) throws(PolicyError) -> [SkuOverrides.Item] {
        struct Target: Hashable {
            var skus: PolicyOverride.Skus
            var location: LocationNumber?
        }
        var items: [SkuOverrides.Item] = []
        var first: [Target: Int] = [:]
        for (index, override) in overrides.enumerated() {
            let path = "policy.overrides[\(index)]"
            var item = SkuOverrides.Item(override: override)
            if let name = override.location {
                guard let number = directory.number(of: name) else {
                    throw PolicyError(field: "\(path).location", problem: "no location is called \(name)")
                }
                item.location = number
            }
            let target = Target(skus: override.skus, location: item.location)
            if let earlier = first.updateValue(index, forKey: target) {
                throw PolicyError(field: path, problem: "is for the same skus and location as overrides[\(earlier)]")
            }
            items.append(item)
        }
        return items
    }
}
