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
        allowedOversell = policy.terms.allowedOversell
        countInTransit = policy.terms.countInTransit
        splitAllowed = policy.splitAllowed
        if policy.terms.staleAfterNanoseconds > 0 {
            freshness = Availability_V1_FreshnessPolicy(
                staleAfterNanoseconds: policy.terms.staleAfterNanoseconds, action: policy.terms.staleAction)
        }
        if policy.throttle != ThrottleTerms() { throttle = Availability_V1_ThrottlePolicy(policy.throttle) }
        set(HoldOverride(policy.holds))
        if let most = policy.holds.customerHoldsMax { customerHoldsMax = UInt32(most) }
        switch policy.degradationBuffer {
        case .units(0): break
        case .units(let units): degradationBuffer = .degradationBufferUnits(units)
        case .percent(let percent): degradationBuffer = .degradationBufferPercent(UInt32(percent))
        }
        overrides = policy.overrides.map { Availability_V1_PolicyOverride($0) }
    }
}

extension Availability_V1_ThrottlePolicy {
    init(_ terms: ThrottleTerms) {
        self.init()
        readUnitsPerSecond = UInt32(terms.readUnitsPerSecond)
        readUnitsBurst = UInt32(terms.readUnitsBurst)
        reservationsPerSecond = UInt32(terms.reservationsPerSecond)
        reservationsBurst = UInt32(terms.reservationsBurst)
        callsInFlightMax = UInt32(terms.callsInFlightMax)
    }

    var terms: ThrottleTerms {
        var terms = ThrottleTerms()
        terms.readUnitsPerSecond = Int64(readUnitsPerSecond)
        terms.readUnitsBurst = Int64(readUnitsBurst)
        terms.reservationsPerSecond = Int64(reservationsPerSecond)
        terms.reservationsBurst = Int64(reservationsBurst)
        terms.callsInFlightMax = Int64(callsInFlightMax)
        return terms
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
        if let units = override.allowedOversell { terms.allowedOversell = units }
        if let counted = override.countInTransit { terms.countInTransit = counted }
        // What is left out stays the channel's own.
        if let action = override.staleAction { terms.freshness.set(action) }
        if let age = override.staleAfterNanoseconds {
            terms.freshness.staleAfter = Google_Protobuf_Duration(nanosecondCount: age)
        }
        terms.set(override.holds)
    }
}

/// The terms of the hold, which a policy and its overrides state by the same names.
private protocol HoldTermsMessage {
    var hasDefaultTtl: Bool { get }
    var defaultTtl: Google_Protobuf_Duration { get set }
    var hasLongestTtl: Bool { get }
    var longestTtl: Google_Protobuf_Duration { get set }
    var hasCustomerUnitsMax: Bool { get }
    var customerUnitsMax: Int64 { get set }
    var writeMode: Availability_V1_WriteMode { get set }
    var hasErpWaitMax: Bool { get }
    var erpWaitMax: Google_Protobuf_Duration { get set }
}

extension Availability_V1_ChannelPolicy: HoldTermsMessage {}
extension Availability_V1_PolicyTerms: HoldTermsMessage {}

extension HoldTermsMessage {
    fileprivate mutating func set(_ holds: HoldOverride) {
        if let ttl = holds.defaultTTLNanoseconds { defaultTtl = Google_Protobuf_Duration(nanosecondCount: ttl) }
        if let ttl = holds.longestTTLNanoseconds { longestTtl = Google_Protobuf_Duration(nanosecondCount: ttl) }
        if let most = holds.customerUnitsMax { customerUnitsMax = most }
        if let wait = holds.erpWaitMaxNanoseconds { erpWaitMax = Google_Protobuf_Duration(nanosecondCount: wait) }
        switch holds.writeMode {
        case .through: writeMode = .through
        case .behind: writeMode = .behind
        case nil: break
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
        policy.terms.allowedOversell = wire.allowedOversell
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
        policy.throttle = wire.throttle.terms
        policy.holds = read(holdsOf: wire, at: "channel.policy").applied(to: HoldTerms())
        if wire.hasCustomerHoldsMax { policy.holds.customerHoldsMax = Int64(wire.customerHoldsMax) }
        switch wire.degradationBuffer {
        case .degradationBufferUnits(let units): policy.degradationBuffer = .units(units)
        case .degradationBufferPercent(let value):
            policy.degradationBuffer = .percent(percent(value, "channel.policy.degradation_buffer_percent"))
        case nil: break
        }
        policy.overrides = wire.overrides.enumerated().map { read($1, at: "channel.policy.overrides[\($0)]") }
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
        if terms.hasAllowedOversell { override.allowedOversell = terms.allowedOversell }
        if terms.hasCountInTransit { override.countInTransit = terms.countInTransit }
        if terms.hasFreshness {
            // 0: never stale. What is left out stays the channel's own.
            let freshness = read(terms.freshness, at: "\(path).terms.freshness", leastNanoseconds: 0)
            override.staleAfterNanoseconds = freshness.staleAfterNanoseconds
            if terms.freshness.staleAction != .unspecified { override.staleAction = freshness.action }
        }
        override.holds = read(holdsOf: terms, at: "\(path).terms")
        rejectUnbuiltTerms(of: terms, at: "\(path).terms")
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

    /// The terms of the hold that are stated.
    private mutating func read(holdsOf wire: some HoldTermsMessage, at path: String) -> HoldOverride {
        var holds = HoldOverride()
        if wire.hasDefaultTtl { holds.defaultTTLNanoseconds = duration(wire.defaultTtl, "\(path).default_ttl") }
        if wire.hasLongestTtl { holds.longestTTLNanoseconds = duration(wire.longestTtl, "\(path).longest_ttl") }
        if wire.hasCustomerUnitsMax { holds.customerUnitsMax = wire.customerUnitsMax }
        if wire.hasErpWaitMax { holds.erpWaitMaxNanoseconds = duration(wire.erpWaitMax, "\(path).erp_wait_max") }
        switch wire.writeMode {
        case .unspecified: break
        case .through: holds.writeMode = .through
        case .behind: holds.writeMode = .behind
        case .UNRECOGNIZED(let number): reject("\(path).write_mode", "has no value \(number)")
        }
        return holds
    }

    /// The terms that only a whole policy may state for now.
    private mutating func rejectUnbuiltTerms(of terms: Availability_V1_PolicyTerms, at path: String) {
        let present: [(String, Bool)] = [
            ("sourcing", terms.hasSourcing), ("cap", terms.hasCap), ("floor", terms.hasFloor),
            ("split_allowed", terms.hasSplitAllowed),
        ]
        for (name, isPresent) in present where isPresent {
            reject("\(path).\(name)", "has no effect in this version of the server; leave it out")
        }
    }

    private mutating func duration(_ wire: Google_Protobuf_Duration, _ path: String) -> Int64? {
        let nanoseconds = wire.nanosecondCount
        if nanoseconds == nil { reject(path, "must be a duration of 0 or more") }
        return nanoseconds
    }

    private mutating func percent(_ value: UInt32, _ path: String) -> Int {
        if value > 100 { reject(path, "must be 0 to 100, is \(value)") }
        return Int(min(value, 100))
    }

    private mutating func reject(_ path: String, _ reason: String) {
        violations.append(FieldViolation(field: path, description: reason))
    }
}
