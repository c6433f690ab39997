/// The rules a policy must keep by itself; names are resolved by `CompiledChannel`.
extension ChannelPolicy {
    /// Throws the first field that is out of its range.
    public func check() throws(PolicyError) {
        try Self.require(
            sourcing.count <= Limits.sourcingMax, "policy.sourcing",
            "at most \(Limits.sourcingMax) names, has \(sourcing.count)")
        try Self.checkTerms(PolicyPatch(terms), path: "policy")
        if let cap { try Self.checkUnits(cap, path: "policy.cap") }
        try Self.checkUnits(floor, path: "policy.floor")
        try throttle.check()
        try Self.require(
            overrides.count <= Limits.policyOverridesMax, "policy.overrides",
            "at most \(Limits.policyOverridesMax), has \(overrides.count)")
        for (index, override) in overrides.enumerated() {
            let path = "policy.overrides[\(index)]"
            switch override.skus {
            case .all: break
            case .prefix(let prefix): try Self.checkSku(prefix, path: "\(path).sku_prefix")
            case .sku(let sku): try Self.checkSku(sku, path: "\(path).sku")
            }
            try Self.checkTerms(PolicyPatch(override), path: "\(path).terms")
        }
    }

    private static func checkTerms(_ patch: PolicyPatch, path: String) throws(PolicyError) {
        if patch.stated.contains(.share) { try checkPercent(patch.terms.sharePercent, path: "\(path).share_percent") }
        if patch.stated.contains(.buffer) {
            switch patch.terms.buffer {
            case .units(let units): try checkUnits(units, path: "\(path).buffer_units")
            case .percent(let percent): try checkPercent(percent, path: "\(path).buffer_percent")
            }
        }
        if patch.stated.contains(.safetyStock) { try checkUnits(patch.terms.safetyStock, path: "\(path).safety_stock") }
        if patch.stated.contains(.staleAfter) {
            let age = patch.terms.staleAfterNanoseconds
            try require(age >= 0, "\(path).freshness.stale_after", "0 or more, is \(age) ns")
        }
        if patch.stated.contains(.staleAction), case .buffer(let percent) = patch.terms.staleAction {
            try checkPercent(percent, path: "\(path).freshness.stale_buffer_percent")
        }
    }

    private static func checkSku(_ sku: String, path: String) throws(PolicyError) {
        if let problem = TextRules.problem(sku, bytesMax: Limits.skuBytesMax) {
            throw PolicyError(field: path, problem: problem)
        }
    }

    private static func checkPercent(_ percent: Int, path: String) throws(PolicyError) {
        try require((0...100).contains(percent), path, "0 to 100, is \(percent)")
    }

    private static func checkUnits(_ units: Int64, path: String) throws(PolicyError) {
        try require((0...Limits.quantityMax).contains(units), path, "0 to \(Limits.quantityMax), is \(units)")
    }

    static func require(
        _ holds: Bool, _ field: String, _ problem: @autoclosure () -> String
    ) throws(PolicyError) {
        if !holds { throw PolicyError(field: field, problem: problem()) }
    }
}

extension ThrottleTerms {
    /// Throws the first field that is out of its range.
    func check() throws(PolicyError) {
        let rates = 0...Limits.readUnitsMax
        try ChannelPolicy.require(
            rates.contains(readUnitsPerSecond), "policy.throttle.read_units_per_second",
            "0 to \(Limits.readUnitsMax), is \(readUnitsPerSecond)")
        try ChannelPolicy.require(
            rates.contains(readUnitsBurst), "policy.throttle.read_units_burst",
            "0 to \(Limits.readUnitsMax), is \(readUnitsBurst)")
        try ChannelPolicy.require(
            (0...Limits.callsInFlightMax).contains(callsInFlightMax), "policy.throttle.calls_in_flight_max",
            "0 to \(Limits.callsInFlightMax), is \(callsInFlightMax)")
    }
}
