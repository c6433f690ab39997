import Inventory

extension MappingReader {
    /// A channel's policy. `sellable` are the locations and groups it may name, `locations` those of its overrides.
    func channelPolicy(sellable: Set<String>, locations: Set<String>) -> ChannelPolicy {
        var policy = ChannelPolicy()
        policy.sourcing = references("sourcing", "a location or group", to: sellable)
        if node("sourcing") == nil {
            report("sourcing", "a channel needs at least one location or group to sell from")
        }
        limit("sourcing", policy.sourcing.count, most: Limits.sourcingMax)
        policy.terms = channelTerms()
        policy.cap = units("cap")
        policy.floor = units("floor") ?? 0
        policy.splitAllowed = flag("split_allowed") ?? true
        policy.holds = channelHolds()
        policy.degradationBuffer = buffer("degradation_buffer") ?? .units(0)
        if let throttle = child("throttle") { policy.throttle = throttle.throttleTerms() }
        for reader in children("overrides") {
            guard let override = reader.policyOverride(locations: locations) else { continue }
            let isRepeated = policy.overrides.contains {
                $0.skus == override.skus && $0.location == override.location
            }
            if isRepeated { reader.reportSelf("another override is for the same skus and location") }
            policy.overrides.append(override)
        }
        limit("overrides", policy.overrides.count, most: Limits.policyOverridesMax)
        return policy
    }

    private func channelTerms() -> PolicyTerms {
        var terms = PolicyTerms()
        terms.sharePercent = sharePercent() ?? terms.sharePercent
        terms.buffer = buffer("buffer") ?? terms.buffer
        terms.safetyStock = units("safety_stock") ?? terms.safetyStock
        terms.allowedOversell = units("allowed_oversell") ?? terms.allowedOversell
        terms.countInTransit = flag("count_in_transit") ?? terms.countInTransit
        terms.staleAfterNanoseconds = staleAfter() ?? terms.staleAfterNanoseconds
        terms.staleAction = staleAction() ?? terms.staleAction
        return terms
    }

    private func policyOverride(locations: Set<String>) -> PolicyOverride? {
        refuseUnknownKeys(known: CatalogueReader.Keys.override)
        let skuExpected = "a sku of 1 to 64 bytes without control characters"
        let sku = value("sku", expected: skuExpected) { Quantities.identifier($0, bytesMax: 64) }
        let prefix = value("sku_prefix", expected: skuExpected) { Quantities.identifier($0, bytesMax: 64) }
        let location = name("location", "a location")
        if sku != nil, prefix != nil { reportSelf("has both sku and sku_prefix: only one of them may be given") }
        if node("sku") == nil, node("sku_prefix") == nil, node("location") == nil {
            reportSelf("needs a sku, a sku_prefix or a location")
        }
        if let location, !locations.contains(location) {
            report("location", "'\(location)' is not a location of this file")
        }
        let skus: PolicyOverride.Skus =
            if let sku { .sku(sku) } else if let prefix { .prefix(prefix) } else { .all }
        var override = PolicyOverride(skus: skus, location: location)
        override.sharePercent = sharePercent()
        override.buffer = buffer("buffer")
        override.safetyStock = units("safety_stock")
        override.allowedOversell = units("allowed_oversell")
        override.countInTransit = flag("count_in_transit")
        override.staleAfterNanoseconds = staleAfter()
        override.staleAction = staleAction()
        override.holds = holds()
        if node("location") != nil {
            for name in override.holds.statedNames {
                report(name, "concerns more than one location: an override with a location may not have it")
            }
        }
        let ttls = (override.holds.defaultTTLNanoseconds, override.holds.longestTTLNanoseconds)
        if let ttl = ttls.0, let longest = ttls.1, ttl > longest {
            report("default_ttl", "default_ttl is above longest_ttl")
        }
        return override
    }

    private func channelHolds() -> HoldTerms {
        var terms = holds().applied(to: HoldTerms())
        let most = Limits.customerHoldsMaxRange
        terms.customerHoldsMax = count("customer_holds_max", least: most.lowerBound, most: most.upperBound)
        if terms.defaultTTLNanoseconds > terms.longestTTLNanoseconds {
            report(
                node("default_ttl") == nil ? "longest_ttl" : "default_ttl",
                "default_ttl is above longest_ttl; absent, they are 15m and 24h")
        }
        return terms
    }

    /// The terms of the hold that are stated here.
    private func holds() -> HoldOverride {
        var holds = HoldOverride()
        holds.defaultTTLNanoseconds = duration(
            "default_ttl", in: Limits.ttlNanosecondsRange, expected: "a duration from 1s to 400d")
        holds.longestTTLNanoseconds = duration(
            "longest_ttl", in: Limits.ttlNanosecondsRange, expected: "a duration from 1s to 400d")
        holds.customerUnitsMax = count("customer_units_max", least: 1, most: Limits.quantityMax, of: "of units ")
        holds.writeMode = value("write_mode", expected: "through or behind") { text in
            switch text {
            case "through": .through
            case "behind": .behind
            default: nil
            }
        }
        holds.erpWaitMaxNanoseconds = duration(
            "erp_wait_max", in: Limits.erpWaitNanosecondsRange, expected: "a duration from 0 to 60s")
        return holds
    }

    private func duration(_ key: String, in range: ClosedRange<Int64>, expected: String) -> Int64? {
        value(key, expected: expected) { text in
            Quantities.duration(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    private func throttleTerms() -> ThrottleTerms {
        refuseUnknownKeys(known: CatalogueReader.Keys.throttle)
        var terms = ThrottleTerms()
        terms.readUnitsPerSecond = count("read_units_per_second", most: Limits.readUnitsMax) ?? 0
        terms.readUnitsBurst = count("read_units_burst", most: Limits.readUnitsMax) ?? 0
        terms.reservationsPerSecond = count("reservations_per_second", most: Limits.readUnitsMax) ?? 0
        terms.reservationsBurst = count("reservations_burst", most: Limits.readUnitsMax) ?? 0
        terms.callsInFlightMax = count("calls_in_flight_max", most: Limits.callsInFlightMax) ?? 0
        return terms
    }

    private func sharePercent() -> Int? {
        value("share_percent", expected: "a percentage from 0 to 100, without the sign") { text in
            Quantities.count(text).flatMap { $0 <= 100 ? Int($0) : nil }
        }
    }

    private func buffer(_ key: String) -> StockBuffer? {
        value(key, expected: "units such as 2, or a percentage such as 5%") { text in
            if let percent = Quantities.percent(text) { return .percent(percent) }
            return Quantities.count(text).flatMap { $0 <= Limits.quantityMax ? .units($0) : nil }
        }
    }

    private func staleAfter() -> Int64? {
        value("stale_after", expected: Quantities.durationExpected + ", or never") {
            $0 == "never" ? 0 : Quantities.duration($0)
        }
    }

    private func staleAction() -> StaleAction? {
        value("stale_action", expected: "serve, withhold, refuse, or a cut such as 'buffer 20%'") { text in
            switch text {
            case "serve": return .serve
            case "withhold": return .withhold
            case "refuse": return .refuse
            default:
                guard text.hasPrefix("buffer ") else { return nil }
                return Quantities.percent(String(text.dropFirst("buffer ".count))).map { .buffer(percent: $0) }
            }
        }
    }
}
