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
        try Self.checkBuffer(degradationBuffer, path: "policy.degradation_buffer")
        try Self.checkHolds(HoldOverride(holds), path: "policy")
        if let most = holds.customerHoldsMax {
            try Self.require(Limits.customerHoldsMaxRange, most, "policy.customer_holds_max")
        }
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
            try Self.checkHolds(override.holds, path: "\(path).terms")
            if override.location != nil, let name = override.holds.statedNames.first {
                throw PolicyError(
                    field: "\(path).terms.\(name)",
                    problem: "concerns more than one location: an override with a location may not state it")
            }
        }
    }

    private static func checkTerms(_ patch: PolicyPatch, path: String) throws(PolicyError) {
        if patch.stated.contains(.share) { try checkPercent(patch.terms.sharePercent, path: "\(path).share_percent") }
        if patch.stated.contains(.buffer) { try checkBuffer(patch.terms.buffer, path: "\(path).buffer") }
        if patch.stated.contains(.safetyStock) { try checkUnits(patch.terms.safetyStock, path: "\(path).safety_stock") }
        if patch.stated.contains(.oversell) {
            try checkUnits(patch.terms.allowedOversell, path: "\(path).allowed_oversell")
        }
        if patch.stated.contains(.staleAfter) {
            let age = patch.terms.staleAfterNanoseconds
            try require(age >= 0, "\(path).freshness.stale_after", "0 or more, is \(age) ns")
        }
        if patch.stated.contains(.staleAction), case .buffer(let percent) = patch.terms.staleAction {
            try checkPercent(percent, path: "\(path).freshness.stale_buffer_percent")
        }
    }

    private static func checkHolds(_ holds: HoldOverride, path: String) throws(PolicyError) {
        let ttls = [("default_ttl", holds.defaultTTLNanoseconds), ("longest_ttl", holds.longestTTLNanoseconds)]
        for case (let name, let ttl?) in ttls {
            try require(
                Limits.ttlNanosecondsRange.contains(ttl), "\(path).\(name)", "1 second to 400 days, is \(ttl) ns")
        }
        if let ttl = holds.defaultTTLNanoseconds, let longest = holds.longestTTLNanoseconds {
            try require(ttl <= longest, "\(path).default_ttl", "at most longest_ttl, \(longest) ns, is \(ttl) ns")
        }
        if let most = holds.customerUnitsMax {
            try require(1...Limits.quantityMax, most, "\(path).customer_units_max")
        }
        if let wait = holds.erpWaitMaxNanoseconds {
            try require(
                Limits.erpWaitNanosecondsRange.contains(wait), "\(path).erp_wait_max",
                "0 to 60 seconds, is \(wait) ns")
        }
    }

    /// - Parameter path: of the field without its unit, such as `policy.buffer`.
    private static func checkBuffer(_ buffer: StockBuffer, path: String) throws(PolicyError) {
        switch buffer {
        case .units(let units): try checkUnits(units, path: "\(path)_units")
        case .percent(let percent): try checkPercent(percent, path: "\(path)_percent")
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
        try require(0...Limits.quantityMax, units, path)
    }

    static func require(_ range: ClosedRange<Int64>, _ value: Int64, _ field: String) throws(PolicyError) {
        try require(range.contains(value), field, "\(range.lowerBound) to \(range.upperBound), is \(value)")
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
        let rates = [
            ("read_units_per_second", readUnitsPerSecond), ("read_units_burst", readUnitsBurst),
            ("reservations_per_second", reservationsPerSecond), ("reservations_burst", reservationsBurst),
        ]
        for (name, value) in rates {
            try ChannelPolicy.require(0...Limits.readUnitsMax, value, "policy.throttle.\(name)")
        }
        try ChannelPolicy.require(
            0...Limits.callsInFlightMax, callsInFlightMax, "policy.throttle.calls_in_flight_max")
    }
}
