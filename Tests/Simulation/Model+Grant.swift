import Engine
import Inventory

/// The channel's arithmetic, spelled out once more: the sum that a reader sees, and the plan of a grant.
extension Model {
    private struct Offer {
        var location: LocationNumber
        var figure: Int64
        var units: Int64
    }

    /// What CheckAvailability must answer for one line; only of skus that have a position.
    func available(_ sku: String, _ scope: LocationScope, channel: String) -> Int64 {
        guard let policy = policies[channel] else { return 0 }
        var sum = offers(sku, scope, policy, channel, taken: [:]).reduce(0) { $0 + $1.figure }
        if sum < policy.floor { sum = 0 }
        return min(sum, policy.cap ?? .max)
    }

    /// In sourcing order.
    private func offers(
        _ sku: String, _ scope: LocationScope, _ policy: ChannelPolicy, _ channel: String, taken: [Place: Int64]
    ) -> [Offer] {
        policy.sourcing.compactMap { id in
            guard let location = terms.locations.first(where: { $0.value == id })?.key else { return nil }
            if case .one(let only) = scope, only != location { return nil }
            return offer(Place(sku: sku, location: location), policy, channel, taken: taken)
        }
    }

    private func offer(
        _ place: Place, _ policy: ChannelPolicy, _ channel: String, taken: [Place: Int64]
    ) -> Offer? {
        let terms = policy.terms(of: place.sku, at: self.terms.locations[place.location] ?? "")
        guard let there = sellable(at: place, safetyStockAtLeast: terms.safetyStock) else { return nil }
        let gone = taken[place, default: 0]
        let sellable = there - gone + terms.allowedOversell
        let inTransit = terms.countInTransit ? stock[place]?.values[.inTransit] ?? 0 : 0
        let all = sellable + inTransit
        var figure = all
        switch terms.buffer {
        case .units(let units): figure -= units
        case .percent(let percent): figure -= (max(0, all) * Int64(percent) + 99) / 100
        }
        if terms.sharePercent != 100 {
            let own = held[place]?[channel] ?? 0
            let part = Double(all + own + gone) * Double(terms.sharePercent) / 100
            figure = min(figure, Int64(part.rounded(.down)) - own - gone)
        }
        figure = max(0, figure)
        return Offer(location: place.location, figure: figure, units: max(0, min(figure, sellable)))
    }

    /// The lines of a hold that is granted; nil: it is not.
    func plan(_ wish: ReservationWish, _ policy: ChannelPolicy, _ hold: HoldTerms) -> [HeldLine]? {
        var customerUnits: [String: Int64] = [:]
        if !wish.customer.isEmpty {
            let standing = standing(channel: wish.channelID, customer: wish.customer)
            if let most = hold.customerHoldsMax, standing.holds >= most { return nil }
            customerUnits = standing.units
        }
        var taken: [Place: Int64] = [:]
        var takenOfLots: [Place: [String: Int64]] = [:]
        var lines: [HeldLine] = []
        for line in wish.lines {
            var wanted = line.quantity
            if !wish.customer.isEmpty, let most = policy.combinedTerms(of: [line.sku]).customerUnitsMax {
                wanted = min(wanted, max(0, most - customerUnits[line.sku, default: 0]))
            }
            if wanted < line.quantity && !wish.allowsPartial { return nil }
            var offers = offers(line.sku, line.scope, policy, wish.channelID, taken: taken)
            if offers.reduce(0, { $0 + $1.units }) < policy.floor { offers = [] }
            for index in offers.indices where !line.lot.isEmpty {
                let place = Place(sku: line.sku, location: offers[index].location)
                let left = sellable(line.lot, at: place) - takenOfLots[place, default: [:]][line.lot, default: 0]
                offers[index].units = min(offers[index].units, max(0, left))
            }
            let parts = source(offers, wanted, policy, allowsPartial: wish.allowsPartial)
            if parts.isEmpty {
                guard wish.allowsPartial else { return nil }
                lines.append(line.part(id: lines.count + 1, location: 0, units: 0, erp: ""))
            }
            for part in parts {
                let erp = terms.erps.erp(ofLocation: terms.locations[part.location] ?? "")
                lines.append(line.part(id: lines.count + 1, location: part.location, units: part.units, erp: erp))
                let place = Place(sku: line.sku, location: part.location)
                taken[place, default: 0] += part.units
                takenOfLots[place, default: [:]][line.lot, default: 0] += part.units
                customerUnits[line.sku, default: 0] += part.units
            }
        }
        return lines.contains { $0.quantity > 0 } ? lines : nil
    }

    /// One location that has it all; else several where a line may be split; else, if less will do, the most of one.
    private func source(
        _ offers: [Offer], _ wanted: Int64, _ policy: ChannelPolicy, allowsPartial: Bool
    ) -> [(location: LocationNumber, units: Int64)] {
        let sum = offers.reduce(0) { $0 + $1.units }
        guard wanted > 0, sum > 0 else { return [] }
        if let whole = offers.first(where: { $0.units >= wanted }) { return [(whole.location, wanted)] }
        guard allowsPartial || policy.splitAllowed && sum >= wanted else { return [] }
        guard policy.splitAllowed else {
            var best = offers[0]
            for offer in offers where offer.units > best.units { best = offer }
            return [(best.location, best.units)]
        }
        var left = wanted
        return offers.compactMap { offer in
            let units = min(left, offer.units)
            left -= units
            return units > 0 ? (offer.location, units) : nil
        }
    }
}

extension GrantLine {
    fileprivate func part(id: Int, location: LocationNumber, units: Int64, erp: String) -> HeldLine {
        HeldLine(
            id: UInt32(id), sku: sku, location: location, lot: lot, quantity: units, open: units, erp: erp)
    }
}

/// The overrides that the simulator makes: for all skus or one, at one location or everywhere; the narrower one wins.
extension ChannelPolicy {
    func terms(of sku: String, at location: String) -> PolicyTerms {
        var result = terms
        for target in [PolicyOverride.Skus.all, .sku(sku)] {
            for place in [nil, location] {
                for item in overrides where item.skus == target && item.location == place {
                    if let value = item.sharePercent { result.sharePercent = value }
                    if let value = item.buffer { result.buffer = value }
                    if let value = item.safetyStock { result.safetyStock = value }
                    if let value = item.allowedOversell { result.allowedOversell = value }
                }
            }
        }
        return result
    }

    func combinedTerms(of skus: [String]) -> HoldTerms {
        let all = skus.map { sku in
            var result = holds
            for item in overrides where item.skus == .sku(sku) && item.location == nil {
                if let value = item.holds.customerUnitsMax { result.customerUnitsMax = value }
                if let value = item.holds.longestTTLNanoseconds { result.longestTTLNanoseconds = value }
                if let value = item.holds.writeMode { result.writeMode = value }
            }
            return result
        }
        var result = all.first ?? holds
        result.longestTTLNanoseconds = all.map(\.longestTTLNanoseconds).min() ?? holds.longestTTLNanoseconds
        result.defaultTTLNanoseconds = min(holds.defaultTTLNanoseconds, result.longestTTLNanoseconds)
        result.writeMode = all.contains { $0.writeMode == .through } ? .through : .behind
        return result
    }
}
