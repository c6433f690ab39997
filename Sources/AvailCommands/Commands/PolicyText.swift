import Proto
import SwiftProtobuf

/// Channels for people.
enum PolicyText {
    static func table(_ channels: [Availability_V1_Channel]) -> TextTable {
        var table = TextTable([
            ("CHANNEL", .left), ("VERSION", .right), ("SHARE", .right), ("BUFFER", .right), ("FLOOR", .right),
            ("CAP", .right), ("STALE AFTER", .right), ("ACTION", .left), ("SOURCING", .left),
        ])
        for channel in channels { table.add(row(channel)) }
        return table
    }

    static func row(_ channel: Availability_V1_Channel) -> [String] {
        let policy = channel.policy
        return [
            channel.id, "\(channel.policyVersion)", share(policy), buffer(policy), "\(policy.floor)",
            policy.hasCap ? "\(policy.cap)" : "-", policy.hasFreshness ? staleAfter(policy) : "-",
            policy.hasFreshness ? staleAction(policy) : "-", policy.sourcing.joined(separator: ","),
        ]
    }

    static func write(_ channel: Availability_V1_Channel, format: OutputFormat) throws {
        guard format == .table else { return try Output.write(channel) }
        try Output.write(table(channel))
        guard !channel.policy.overrides.isEmpty else { return }
        try Output.write("")
        try Output.write(overrides(channel.policy.overrides))
    }

    static func table(_ channel: Availability_V1_Channel) -> TextTable {
        let policy = channel.policy
        var table = TextTable(["CHANNEL", channel.id])
        table.add(["display name", channel.displayName])
        table.add(["version", "\(channel.policyVersion)"])
        table.add(["etag", channel.etag])
        table.add(["updated", DurationText.time(channel.updateTime, isPresent: channel.hasUpdateTime)])
        table.add(["sourcing", policy.sourcing.joined(separator: ", ")])
        table.add(["share", share(policy)])
        table.add(["buffer", buffer(policy)])
        table.add(["degradation buffer", degradationBuffer(policy)])
        table.add(["cap", policy.hasCap ? "\(policy.cap)" : "-"])
        table.add(["floor", "\(policy.floor)"])
        table.add(["safety stock", policy.hasSafetyStock ? "\(policy.safetyStock)" : "-"])
        table.add(["allowed oversell", "\(policy.allowedOversell)"])
        table.add(["count in transit", policy.countInTransit ? "yes" : "no"])
        table.add(["split allowed", policy.splitAllowed ? "yes" : "no"])
        table.add(["stale after", policy.hasFreshness ? staleAfter(policy) : "never"])
        table.add(["stale action", policy.hasFreshness ? staleAction(policy) : "-"])
        addHolds(policy, to: &table)
        table.add(["read units per second", limit(policy.throttle.readUnitsPerSecond)])
        table.add(["read units burst", limit(policy.throttle.readUnitsBurst)])
        table.add(["reservations per second", limit(policy.throttle.reservationsPerSecond)])
        table.add(["reservations burst", limit(policy.throttle.reservationsBurst)])
        table.add(["calls in flight", limit(policy.throttle.callsInFlightMax)])
        return table
    }

    private static func addHolds(_ policy: Availability_V1_ChannelPolicy, to table: inout TextTable) {
        table.add(["default ttl", policy.hasDefaultTtl ? DurationText.brief(policy.defaultTtl) : "-"])
        table.add(["longest ttl", policy.hasLongestTtl ? DurationText.brief(policy.longestTtl) : "-"])
        table.add(["customer units", policy.hasCustomerUnitsMax ? "\(policy.customerUnitsMax)" : "-"])
        table.add(["customer holds", policy.hasCustomerHoldsMax ? "\(policy.customerHoldsMax)" : "-"])
        table.add(["write mode", policy.writeMode == .unspecified ? "-" : policy.writeMode.shortName])
        table.add(["erp wait", policy.hasErpWaitMax ? DurationText.brief(policy.erpWaitMax) : "-"])
    }

    private static func overrides(_ overrides: [Availability_V1_PolicyOverride]) -> TextTable {
        var table = TextTable(["OVERRIDE", "LOCATION", "TERMS"])
        for override in overrides {
            let item =
                switch override.item {
                case .sku(let sku): sku
                case .skuPrefix(let prefix): prefix + "*"
                case nil: "*"
                }
            var options = JSONEncodingOptions()
            options.useDeterministicOrdering = true
            options.preserveProtoFieldNames = true
            options.alwaysPrintInt64sAsNumbers = true
            let terms = (try? override.terms.jsonString(options: options)) ?? "?"
            table.add([item, override.location.isEmpty ? "*" : override.location, terms])
        }
        return table
    }

    private static func share(_ policy: Availability_V1_ChannelPolicy) -> String {
        "\(policy.hasSharePercent ? policy.sharePercent : 100)%"
    }

    private static func buffer(_ policy: Availability_V1_ChannelPolicy) -> String {
        switch policy.buffer {
        case .bufferUnits(let units): "\(units)"
        case .bufferPercent(let percent): "\(percent)%"
        case nil: "0"
        }
    }

    private static func degradationBuffer(_ policy: Availability_V1_ChannelPolicy) -> String {
        switch policy.degradationBuffer {
        case .degradationBufferUnits(let units): "\(units)"
        case .degradationBufferPercent(let percent): "\(percent)%"
        case nil: "0"
        }
    }

    private static func staleAfter(_ policy: Availability_V1_ChannelPolicy) -> String {
        DurationText.brief(policy.freshness.staleAfter)
    }

    private static func staleAction(_ policy: Availability_V1_ChannelPolicy) -> String {
        switch policy.freshness.staleAction {
        case .buffer: "BUFFER \(policy.freshness.staleBufferPercent)%"
        case .unspecified: "SERVE"
        default: policy.freshness.staleAction.shortName
        }
    }

    private static func limit(_ value: UInt32) -> String {
        value == 0 ? "-" : "\(value)"
    }
}
