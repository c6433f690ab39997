@testable import Inventory

/// The semantics' arithmetic, written down once more without any cleverness.
enum NaiveEvaluation {
    static func evaluate(_ question: Question) -> (answer: LineAnswer, contributions: [Contribution]) {
        let policy = question.policy
        let eligible = members(of: policy.sourcing, question.directory)
        let asked = question.location.isEmpty ? nil : members(of: [question.location], question.directory)
        var contributions: [Contribution] = []
        var hasStock = false
        var isStale = false
        var ages: [Int64] = []
        var refused: StaleRefusal?
        for (number, position, holds) in question.positions {
            if let asked, !asked.contains(number) { continue }
            let isConsidered = eligible.contains(number) && question.directory.isActive(number)
            if position.sellable > 0, isConsidered || asked != nil { hasStock = true }
            guard isConsidered else { continue }
            let terms = terms(policy, sku: question.sku, location: "WH\(number)")
            let age = age(question, number, position)
            ages.append(age)
            let degradation = question.isDegraded ? policy.degradationBuffer : .units(0)
            var figure = contribution(position, terms, degradation, holds)
            var isWithheld = false
            let limits = [terms.staleAfterNanoseconds > 0 ? terms.staleAfterNanoseconds : nil, question.maxStaleness]
                .compactMap { $0 }
            if let limit = limits.min(), age > limit {
                isStale = true
                var action = terms.staleAction
                let callersIsExceeded = question.maxStaleness.map { age > $0 } ?? false
                if callersIsExceeded, action == .serve || terms.staleAfterNanoseconds == 0 { action = .refuse }
                switch action {
                case .serve: break
                case .buffer(let percent): figure -= ceilingOfHundredth(Int64(percent) * figure)
                case .withhold:
                    figure = 0
                    isWithheld = true
                case .refuse:
                    figure = 0
                    isWithheld = true
                    refused =
                        refused ?? StaleRefusal(location: number, ageNanoseconds: age, thresholdNanoseconds: limit)
                }
            }
            contributions.append(
                Contribution(
                    location: number, figure: figure, sellable: sellable(position, terms) + terms.allowedOversell,
                    isWithheld: isWithheld))
        }
        var available = contributions.map(\.figure).reduce(0, +)
        if available < policy.floor { available = 0 }
        available = min(available, policy.cap ?? .max)
        let status: AvailabilityStatus
        if question.positions.isEmpty, !question.knownSku {
            status = .unknownSku
        } else if available == 0 {
            status = hasStock ? .withheld : .outOfStock
        } else if available < question.quantity {
            status = .limited
        } else {
            let canServe = policy.splitAllowed || contributions.contains { $0.figure >= question.quantity }
            status = canServe ? .inStock : .limited
        }
        let answer = LineAnswer(
            available: available, status: status, isStale: isStale, ageMilliseconds: (ages.max() ?? 0) / 1_000_000,
            refused: refused)
        return (answer, contributions)
    }

    private static func sellable(_ position: Position, _ terms: PolicyTerms) -> Int64 {
        let b = position.buckets
        let s = b[.onHand] - b[.quarantined] - b[.damaged] - b[.allocated] - b[.reserved] - b[.releasing]
        return s - max(b[.safetyStock], terms.safetyStock)
    }

    private static func contribution(
        _ position: Position, _ terms: PolicyTerms, _ degradation: StockBuffer, _ holds: Int64
    ) -> Int64 {
        var s = sellable(position, terms) + terms.allowedOversell
        if terms.countInTransit { s += position.buckets[.inTransit] }
        var result = s
        for buffer in [terms.buffer, degradation] {
            switch buffer {
            case .units(let units): result -= units
            case .percent(let percent): result -= ceilingOfHundredth(Int64(percent) * max(s, 0))
            }
        }
        let share = Int64((Double(Int64(terms.sharePercent) * (s + holds)) / 100).rounded(.down)) - holds
        return max(0, min(result, share))
    }

    private static func ceilingOfHundredth(_ value: Int64) -> Int64 { Int64((Double(value) / 100).rounded(.up)) }

    private static func age(_ question: Question, _ number: LocationNumber, _ position: Position) -> Int64 {
        let owner = question.directory.owner(of: number)
        let voucher = Int(owner == 0 ? position.authoritativeSource : owner)
        let mark = voucher > 0 && voucher < question.watermarks.count ? question.watermarks[voucher] : 0
        return max(0, question.now - max(position.authoritativeTimeNanoseconds, mark))
    }

    private static func members(of names: [String], _ directory: LocationDirectory) -> Set<LocationNumber> {
        var result: Set<LocationNumber> = []
        for name in names {
            let ids = directory.groups.first { $0.id == name }?.members ?? [name]
            for id in ids { result.insert(directory.locations.first { $0.id == id }!.number) }
        }
        return result
    }

    /// All overrides that concern the line, from weak to strong, laid over the channel's terms.
    private static func terms(_ policy: ChannelPolicy, sku: String, location: String) -> PolicyTerms {
        func strength(_ override: PolicyOverride) -> Int? {
            let place = override.location == nil ? 0 : 1
            if let only = override.location, only != location { return nil }
            switch override.skus {
            case .all: return place
            case .prefix(let prefix): return sku.hasPrefix(prefix) ? 10 * prefix.utf8.count + place : nil
            case .sku(let only): return sku == only ? 10_000 + place : nil
            }
        }
        var terms = policy.terms
        let ranked = policy.overrides.compactMap { override in strength(override).map { ($0, override) } }
        for (_, override) in ranked.sorted(by: { $0.0 < $1.0 }) {
            terms.sharePercent = override.sharePercent ?? terms.sharePercent
            terms.buffer = override.buffer ?? terms.buffer
            terms.safetyStock = override.safetyStock ?? terms.safetyStock
            terms.allowedOversell = override.allowedOversell ?? terms.allowedOversell
            terms.countInTransit = override.countInTransit ?? terms.countInTransit
            terms.staleAfterNanoseconds = override.staleAfterNanoseconds ?? terms.staleAfterNanoseconds
            terms.staleAction = override.staleAction ?? terms.staleAction
        }
        return terms
    }
}
