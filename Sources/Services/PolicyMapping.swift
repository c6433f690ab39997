internal import Calls
internal import Engine
internal import Inventory
internal import Proto
internal import SwiftProtobuf

extension Availability_V1_Channel {
    init(_ channel: Channel) {
        self.init()
        id = channel.id
        etag = channel.etag
        policyVersion = channel.policyVersion
        policy = Availability_V1_ChannelPolicy(channel.policy)
        updateTime = Google_Protobuf_Timestamp(wallNanoseconds: channel.updateTimeNanoseconds)
        displayName = channel.displayName
    }
}

extension Availability_V1_ChannelPolicy {
    init(_ policy: ChannelPolicy) {
        self.init()
        sourcing = policy.sourcing
        sharePercent = UInt32(policy.terms.sharePercent)
        switch policy.terms.buffer {
        case .units(let units): buffer = .bufferUnits(units)
        case .percent(let percent): buffer = .bufferPercent(UInt32(percent))
        }
        if let cap = policy.cap { self.cap = cap }
        floor = policy.floor
        if policy.terms.safetyStock != 0 { safetyStock = policy.terms.safetyStock }
        countInTransit = policy.terms.countInTransit
        splitAllowed = policy.splitAllowed
        if policy.terms.staleAfterNanoseconds > 0 {
            freshness = Availability_V1_FreshnessPolicy(
                staleAfterNanoseconds: policy.terms.staleAfterNanoseconds, action: policy.terms.staleAction)
        }
        if policy.throttle != ThrottleTerms() {
            throttle.readUnitsPerSecond = UInt32(policy.throttle.readUnitsPerSecond)
            throttle.readUnitsBurst = UInt32(policy.throttle.readUnitsBurst)
            throttle.callsInFlightMax = UInt32(policy.throttle.callsInFlightMax)
        }
        overrides = policy.overrides.map { Availability_V1_PolicyOverride($0) }
    }
}

extension Availability_V1_FreshnessPolicy {
    init(staleAfterNanoseconds: Int64, action: StaleAction) {
        self.init()
        staleAfter = Google_Protobuf_Duration(nanosecondCount: staleAfterNanoseconds)
        set(action)
    }

    mutating func set(_ action: StaleAction) {
        switch action {
        case .serve: staleAction = .serve
        case .withhold: staleAction = .withhold
        case .refuse: staleAction = .refuse
        case .buffer(let percent):
            staleAction = .buffer
            staleBufferPercent = UInt32(percent)
        }
    }
}

extension Availability_V1_PolicyOverride {
    init(_ override: PolicyOverride) {
        self.init()
        switch override.skus {
        case .all: break
        case .prefix(let prefix): item = .skuPrefix(prefix)
        case .sku(let sku): item = .sku(sku)
        }
        location = override.location ?? ""
        if let share = override.sharePercent { terms.sharePercent = UInt32(share) }
        switch override.buffer {
        case .units(let units): terms.buffer = .bufferUnits(units)
        case .percent(let percent): terms.buffer = .bufferPercent(UInt32(percent))
        case nil: break
        }
        if let units = override.safetyStock { terms.safetyStock = units }
        if let counted = override.countInTransit { terms.countInTransit = counted }
        // What is left out stays the channel's own.
        if let action = override.staleAction { terms.freshness.set(action) }
        if let age = override.staleAfterNanoseconds {
            terms.freshness.staleAfter = Google_Protobuf_Duration(nanosecondCount: age)
        }
    }
}

/// Reads a policy from the wire and collects every field that is wrong or that this version cannot honour. A term
/// without effect would be a promise nobody keeps, so it is refused, not stored.
struct PolicyReader {
    private(set) var violations: [FieldViolation] = []

    mutating func read(_ wire: Availability_V1_ChannelPolicy) -> ChannelPolicy {
        var policy = ChannelPolicy()
        policy.sourcing = wire.sourcing
        if wire.hasSharePercent {
            policy.terms.sharePercent = percent(wire.sharePercent, "channel.policy.share_percent")
        }
        switch wire.buffer {
        case .bufferUnits(let units): policy.terms.buffer = .units(units)
        case .bufferPercent(let value): policy.terms.buffer = .percent(percent(value, "channel.policy.buffer_percent"))
        case nil: break
        }
        if wire.hasCap { policy.cap = wire.cap }
        policy.floor = wire.floor
        if wire.hasSafetyStock { policy.terms.safetyStock = wire.safetyStock }
        policy.terms.countInTransit = wire.countInTransit
        policy.splitAllowed = wire.splitAllowed
        if wire.hasFreshness {
            let freshness = read(wire.freshness, at: "channel.policy.freshness", leastNanoseconds: 1)
            policy.terms.staleAfterNanoseconds = freshness.staleAfterNanoseconds ?? 0
            policy.terms.staleAction = freshness.action
            if !wire.freshness.hasStaleAfter {
                reject("channel.policy.freshness.stale_after", "is required, more than 0")
            }
        }
        policy.throttle.readUnitsPerSecond = Int64(wire.throttle.readUnitsPerSecond)
        policy.throttle.readUnitsBurst = Int64(wire.throttle.readUnitsBurst)
        policy.throttle.callsInFlightMax = Int64(wire.throttle.callsInFlightMax)
        policy.overrides = wire.overrides.enumerated().map { read($1, at: "channel.policy.overrides[\($0)]") }
        rejectReservationTerms(of: wire)
        return policy
    }

    private mutating func read(_ wire: Availability_V1_PolicyOverride, at path: String) -> PolicyOverride {
        let skus: PolicyOverride.Skus =
            switch wire.item {
            case .sku(let sku): .sku(sku)
            case .skuPrefix(let prefix): .prefix(prefix)
            case nil: .all
            }
        var override = PolicyOverride(skus: skus, location: wire.location.isEmpty ? nil : wire.location)
        let terms = wire.terms
        if terms.hasSharePercent { override.sharePercent = percent(terms.sharePercent, "\(path).terms.share_percent") }
        switch terms.buffer {
        case .bufferUnits(let units): override.buffer = .units(units)
        case .bufferPercent(let value):
            override.buffer = .percent(percent(value, "\(path).terms.buffer_percent"))
        case nil: break
        }
        if terms.hasSafetyStock { override.safetyStock = terms.safetyStock }
        if terms.hasCountInTransit { override.countInTransit = terms.countInTransit }
        if terms.hasFreshness {
            // 0: never stale. What is left out stays the channel's own.
            let freshness = read(terms.freshness, at: "\(path).terms.freshness", leastNanoseconds: 0)
            override.staleAfterNanoseconds = freshness.staleAfterNanoseconds
            if terms.freshness.staleAction != .unspecified { override.staleAction = freshness.action }
        }
        rejectReservationTerms(of: terms, at: "\(path).terms")
        return override
    }

    private mutating func read(
        _ wire: Availability_V1_FreshnessPolicy, at path: String, leastNanoseconds: Int64
    ) -> (staleAfterNanoseconds: Int64?, action: StaleAction) {
        var staleAfter: Int64?
        if wire.hasStaleAfter {
            let nanoseconds = wire.staleAfter.nanosecondCount
            if let nanoseconds, nanoseconds >= leastNanoseconds {
                staleAfter = nanoseconds
            } else {
                reject("\(path).stale_after", leastNanoseconds > 0 ? "must be more than 0" : "must be 0 or more")
            }
        }
        if wire.fallbackAction != .unspecified {
            reject("\(path).fallback_action", "belongs to ASK_ERP, which this version does not have")
        }
        switch wire.staleAction {
        case .unspecified, .serve: return (staleAfter, .serve)
        case .buffer:
            return (staleAfter, .buffer(percent: percent(wire.staleBufferPercent, "\(path).stale_buffer_percent")))
        case .withhold: return (staleAfter, .withhold)
        case .refuse: return (staleAfter, .refuse)
        case .askErp:
            reject("\(path).stale_action", "ASK_ERP needs an ERP adapter, which this version does not have")
        case .UNRECOGNIZED(let number):
            reject("\(path).stale_action", "has no value \(number)")
        }
        return (staleAfter, .serve)
    }

    private mutating func rejectReservationTerms(of wire: Availability_V1_ChannelPolicy) {
        let present: [(String, Bool)] = [
            ("allowed_oversell", wire.allowedOversell != 0), ("default_ttl", wire.hasDefaultTtl),
            ("longest_ttl", wire.hasLongestTtl), ("customer_units_max", wire.hasCustomerUnitsMax),
            ("customer_holds_max", wire.hasCustomerHoldsMax), ("write_mode", wire.writeMode != .unspecified),
            ("erp_wait_max", wire.hasErpWaitMax), ("degradation_buffer", wire.degradationBuffer != nil),
            ("throttle.reservations_per_second", wire.throttle.reservationsPerSecond != 0),
            ("throttle.reservations_burst", wire.throttle.reservationsBurst != 0),
        ]
        for (name, isPresent) in present where isPresent { rejectUnbuilt("channel.policy.\(name)") }
    }

    private mutating func rejectReservationTerms(of terms: Availability_V1_PolicyTerms, at path: String) {
        let present: [(String, Bool)] = [
            ("sourcing", terms.hasSourcing), ("cap", terms.hasCap), ("floor", terms.hasFloor),
            ("split_allowed", terms.hasSplitAllowed), ("allowed_oversell", terms.hasAllowedOversell),
            ("default_ttl", terms.hasDefaultTtl), ("longest_ttl", terms.hasLongestTtl),
            ("customer_units_max", terms.hasCustomerUnitsMax), ("write_mode", terms.writeMode != .unspecified),
            ("erp_wait_max", terms.hasErpWaitMax),
        ]
        for (name, isPresent) in present where isPresent { rejectUnbuilt("\(path).\(name)") }
    }

    private mutating func rejectUnbuilt(_ path: String) {
        reject(path, "has no effect in this version of the server; leave it out")
    }

    private mutating func percent(_ value: UInt32, _ path: String) -> Int {
        if value > 100 { reject(path, "must be 0 to 100, is \(value)") }
        return Int(min(value, 100))
    }

    private mutating func reject(_ path: String, _ reason: String) {
        violations.append(FieldViolation(field: path, description: reason))
    }
}
