/// One line of a wished hold, its texts checked.
public struct GrantLine: Sendable, Equatable {
    public var sku: String
    public var scope: LocationScope
    /// Empty: any.
    public var lot: String
    /// Units, 1 or more.
    public var quantity: Int64

    public init(sku: String, scope: LocationScope, lot: String = "", quantity: Int64) {
        self.sku = sku
        self.scope = scope
        self.lot = lot
        self.quantity = quantity
    }
}

/// Why a line is not granted in full. The contract's names.
public enum GrantReason: Sendable, Equatable {
    case insufficientStock
    /// There is stock, and the channel's policy keeps it from being sold.
    case channelAllocationExhausted
    case holdLimitReached
    case staleData(StaleRefusal?)

    public var name: String {
        switch self {
        case .insufficientStock: "INSUFFICIENT_STOCK"
        case .channelAllocationExhausted: "CHANNEL_ALLOCATION_EXHAUSTED"
        case .holdLimitReached: "HOLD_LIMIT_REACHED"
        case .staleData: "STALE_DATA"
        }
    }
}

/// A line that is not granted in full, and what could be done about it.
public struct GrantShortage: Sendable, Equatable {
    public var lineIndex: Int
    public var reason: GrantReason
    /// In words, with the figures.
    public var text: String
    /// Units that could be granted as asked.
    public var available: Int64
    /// Other locations of the channel that could serve the whole line, in sourcing order; at most `alternativesMax`.
    public var alternatives: [String]
}

/// Units of one line from one location.
public struct GrantPart: Sendable, Equatable {
    public var lineIndex: Int
    public var location: LocationNumber
    public var quantity: Int64
}

/// A decision, for all lines together.
public struct GrantPlan: Sendable, Equatable {
    public var parts: [GrantPart] = []
    public var shortages: [GrantShortage] = []

    public init() {}

    public var granted: Int64 { parts.reduce(0) { $0 + $1.quantity } }
}

/// One position as a grant sees it.
public struct GrantStock: Sendable {
    public var location: LocationNumber
    /// Holds that ran out are not in it any more.
    public var figures: StockFigures
    /// Units the asking channel holds there.
    public var openHolds: Int64
    /// What of the line's lot could be sold by itself; 0 where there is none of it. Of a line without a lot unused.
    public var lotSellable: Int64

    public init(location: LocationNumber, figures: StockFigures, openHolds: Int64, lotSellable: Int64 = 0) {
        self.location = location
        self.figures = figures
        self.openHolds = openHolds
        self.lotSellable = lotSellable
    }
}

/// What one customer holds already, and may.
public struct CustomerStanding: Sendable {
    /// Open reservations.
    public var holds: Int64
    /// Units of a sku.
    public var units: [String: Int64]

    public init(holds: Int64 = 0, units: [String: Int64] = [:]) {
        self.holds = holds
        self.units = units
    }
}

/// Decides what of a wish is granted, and from where. Pure: the same stock, policy and time give the same plan.
///
/// Two lines of one sku count together: what an earlier line takes is gone for a later one. A line is granted by the
/// number that CheckAvailability answers, without the cap, and never beyond the position's own sellable units and the
/// allowed oversell. A line of a lot needs both that and the lot's own sellable units, which no oversell extends.
public struct GrantPlanner: ~Copyable {
    static let alternativesMax = 5

    let channel: CompiledChannel
    let watermarks: SourceWatermarks
    let isDegraded: Bool
    let nowNanoseconds: WallNanoseconds
    let allowsPartial: Bool
    /// Nil: the caller named no customer, so no customer's limit applies.
    let customer: CustomerStanding?
    private var taken: [Place: Int64] = [:]
    private var takenUnits: [String: Int64] = [:]

    private struct Place: Hashable {
        var sku: String
        var location: LocationNumber
        /// Empty: of the position, whatever the lot.
        var lot = ""
    }

    public init(
        channel: CompiledChannel, watermarks: SourceWatermarks, isDegraded: Bool, nowNanoseconds: WallNanoseconds,
        allowsPartial: Bool, customer: CustomerStanding?
    ) {
        self.channel = channel
        self.watermarks = watermarks
        self.isDegraded = isDegraded
        self.nowNanoseconds = nowNanoseconds
        self.allowsPartial = allowsPartial
        self.customer = customer
    }

    /// Plans the next line. `stock`: every position of its sku.
    public mutating func plan(_ line: GrantLine, at index: Int, stock: [GrantStock], into plan: inout GrantPlan) {
        let offers = offers(line, line.scope, stock)
        var wanted = line.quantity
        var limitText: String?
        if let limit = unitsLeft(of: line.sku), limit < wanted {
            limitText = "the customer may hold \(limit) more of \(line.sku)"
            wanted = max(0, limit)
        }
        if limitText != nil && !allowsPartial {
            return plan.shortages.append(
                GrantShortage(
                    lineIndex: index, reason: .holdLimitReached, text: limitText ?? "", available: wanted,
                    alternatives: []))
        }
        let parts = offers.source(wanted, splits: channel.splitAllowed, allowsPartial: allowsPartial)
        let granted = parts.reduce(0) { $0 + $1.units }
        if granted < line.quantity {
            if granted == wanted, let limitText {
                plan.shortages.append(
                    GrantShortage(
                        lineIndex: index, reason: .holdLimitReached, text: limitText, available: granted,
                        alternatives: []))
            } else {
                plan.shortages.append(shortage(line, at: index, offers, stock))
            }
        }
        for part in parts {
            plan.parts.append(GrantPart(lineIndex: index, location: part.location, quantity: part.units))
            taken[Place(sku: line.sku, location: part.location), default: 0] += part.units
            if !line.lot.isEmpty {
                taken[Place(sku: line.sku, location: part.location, lot: line.lot), default: 0] += part.units
            }
            takenUnits[line.sku, default: 0] += part.units
        }
    }

    private func unitsLeft(of sku: String) -> Int64? {
        guard let customer else { return nil }
        guard let most = channel.holdTerms(of: sku).customerUnitsMax else { return nil }
        return most - customer.units[sku, default: 0] - takenUnits[sku, default: 0]
    }

    private func offers(_ line: GrantLine, _ scope: LocationScope, _ stock: [GrantStock]) -> GrantOffers {
        let name = line.sku
        var sku = name
        return sku.withUTF8 { bytes in
            var evaluation = LineEvaluation(
                EvaluationTables(channel, watermarks, isDegraded: isDegraded), sku: UnsafeRawBufferPointer(bytes),
                scope: scope, nowNanoseconds: nowNanoseconds, maxStalenessNanoseconds: nil,
                recorder: OfferRecorder())
            for position in stock {
                let gone = taken[Place(sku: name, location: position.location), default: 0]
                var figures = position.figures
                figures.unreserved -= gone
                evaluation.add(
                    location: position.location, figures: figures, openHolds: position.openHolds + gone)
            }
            let answer = evaluation.finish(quantity: 1, knownSku: !stock.isEmpty)
            var offers = GrantOffers(
                offers: evaluation.recorder.offers, isKnown: answer.status != .unknownSku, refused: answer.refused)
            offers.arrange(by: channel.sourcing)
            offers.apply(floor: channel.floor)
            guard !line.lot.isEmpty else { return offers }
            for position in stock {
                let gone = taken[Place(sku: name, location: position.location, lot: line.lot), default: 0]
                offers.limit(position.location, to: position.lotSellable - gone)
            }
            return offers
        }
    }

    private func shortage(
        _ line: GrantLine, at index: Int, _ offers: GrantOffers, _ stock: [GrantStock]
    ) -> GrantShortage {
        let available =
            channel.splitAllowed ? offers.sum : offers.offers.map(\.units).max() ?? 0
        var shortage = GrantShortage(
            lineIndex: index, reason: .insufficientStock, text: "", available: available, alternatives: [])
        let what = line.lot.isEmpty ? line.sku : "lot \(line.lot) of \(line.sku)"
        if !offers.isKnown {
            shortage.text = "nothing is known of \(line.sku)"
        } else if offers.refused != nil || offers.offers.contains(where: \.isWithheld) {
            shortage.reason = .staleData(offers.refused)
            shortage.text = "figures of \(line.sku) are too old to sell by"
        } else if offers.sellable >= line.quantity && available < line.quantity && offers.sum < line.quantity {
            shortage.reason = .channelAllocationExhausted
            shortage.text = "the channel may sell \(available) more of \(what), asked are \(line.quantity)"
        } else if offers.sum >= line.quantity {
            shortage.text =
                "no one location has \(line.quantity) of \(what) (at most \(available)) and the line may not be split"
        } else {
            shortage.text = "there are \(available) of \(what), asked are \(line.quantity)"
        }
        if line.scope != .all {
            let elsewhere = self.offers(line, .all, stock).offers.filter { $0.units >= line.quantity }
            shortage.alternatives = elsewhere.prefix(Self.alternativesMax).compactMap {
                channel.directory.location($0.location)?.id
            }
        }
        return shortage
    }
}

extension CompiledChannel {
    /// The terms of holds of a sku.
    public func holdTerms(of sku: String) -> HoldTerms {
        var sku = sku
        return sku.withUTF8 { holdTerms(sku: UnsafeRawBufferPointer($0)) }
    }
}

/// What each location could give to one line.
struct GrantOffers {
    struct Offer {
        var location: LocationNumber
        var units: Int64
        var sellable: Int64
        var isWithheld: Bool
    }

    var offers: [Offer]
    var isKnown: Bool
    var refused: StaleRefusal?

    var sum: Int64 { offers.reduce(0) { $0 + $1.units } }
    /// Before the channel's policy.
    var sellable: Int64 { offers.reduce(0) { $0 + max(0, $1.sellable) } }

    mutating func arrange(by sourcing: [LocationNumber]) {
        var rank: [LocationNumber: Int] = [:]
        for (place, location) in sourcing.enumerated() { rank[location] = place }
        offers.sort { (rank[$0.location] ?? .max, $0.location) < (rank[$1.location] ?? .max, $1.location) }
    }

    /// What is asked for is of a lot, and there is no more of it.
    mutating func limit(_ location: LocationNumber, to lotSellable: Int64) {
        for index in offers.indices where offers[index].location == location {
            offers[index].units = min(offers[index].units, max(0, lotSellable))
            offers[index].sellable = min(offers[index].sellable, lotSellable)
        }
    }

    /// A sum below the floor counts nothing.
    mutating func apply(floor: Int64) {
        guard sum < floor else { return }
        for index in offers.indices { offers[index].units = 0 }
    }

    /// The first location that has it all; else, where a line may be split, from one after the other; else, where less is
    /// welcome, from the one that has most. Nothing when that is not enough.
    func source(_ wanted: Int64, splits: Bool, allowsPartial: Bool) -> [(location: LocationNumber, units: Int64)] {
        guard wanted > 0, refused == nil else { return [] }
        if let whole = offers.first(where: { $0.units >= wanted }) { return [(whole.location, wanted)] }
        if splits {
            guard allowsPartial || sum >= wanted else { return [] }
            var left = wanted
            var parts: [(location: LocationNumber, units: Int64)] = []
            for offer in offers where offer.units > 0 && left > 0 {
                let units = min(left, offer.units)
                parts.append((offer.location, units))
                left -= units
            }
            return parts
        }
        guard allowsPartial, let most = offers.max(by: { $0.units < $1.units }), most.units > 0 else { return [] }
        return [(most.location, most.units)]
    }
}

/// Keeps what each location could give.
struct OfferRecorder: EvaluationRecorder {
    static var isRecording: Bool { false }

    private(set) var offers: [GrantOffers.Offer] = []

    mutating func record(_ term: ExplanationTerm) {}
    func mentions(_ location: LocationNumber) -> Bool { false }
    mutating func arrangeLocations(by rank: (LocationNumber) -> Int) {}

    mutating func contributed(_ location: LocationNumber, figure: Int64, sellable: Int64, isWithheld: Bool) {
        // Stock in transit may be shown, never promised beyond what is there.
        offers.append(
            GrantOffers.Offer(
                location: location, units: max(0, min(figure, sellable)), sellable: sellable, isWithheld: isWithheld))
    }
}
