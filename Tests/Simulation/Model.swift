import Engine
import Inventory
import Ledger

/// One sku at one location.
struct Place: Hashable {
    var sku: String
    var location: LocationNumber
}

/// A line of a hold, as plain as it can be.
struct HeldLine {
    var id: UInt32
    var sku: String
    var location: LocationNumber
    /// Empty: any.
    var lot: String
    var quantity: Int64
    var open: Int64
    var fulfilled: Int64 = 0
    var released: Int64 = 0
    var lapsed: Int64 = 0
    /// Units that the place's figures were taken with, or that the ERP shipped and the figures have not heard of.
    var contained: Int64 = 0
    var erp: String
    /// The ERP said no to it: it hears of it no more.
    var isRefused = false
    /// By the ERP's word.
    var isShipped = false
    /// Units that left by the ERP's word and whose shipment nobody told of.
    var shippedByErp: Int64 = 0

    /// Closed, and subtracted all the same.
    var releasing: Int64 { max(0, contained - open) }

    var place: Place { Place(sku: sku, location: location) }
}

/// A reservation, as plain as it can be.
struct Hold {
    var number: ReservationNumber
    var channel: String
    var customer: String
    var state = ReservationState.active
    /// 0: never.
    var expires: WallNanoseconds
    var expiresAtMost: WallNanoseconds
    var allowsPartial: Bool
    var writeMode: WriteMode
    var isLinked = false
    var changed: WallNanoseconds
    /// When its time was seen to have run out.
    var sweptAt: WallNanoseconds = 0
    var lines: [HeldLine]

    var open: Int64 { lines.reduce(0) { $0 + $1.open } }
}

extension Hold {
    /// Units of every line that a figure says it was taken with.
    func unitsNamed(
        in contains: [ContainedHold], at place: Place, epoch: UInt64, _ now: WallNanoseconds,
        ofLot isTold: (String) -> Bool
    ) -> [Int64] {
        let id = ReservationID.text(number: number, epoch: epoch)
        var units = [Int64](repeating: 0, count: lines.count)
        for named in contains where named.reservationID == id {
            var left = named.quantity
            for (index, line) in lines.enumerated()
            where line.place == place && (named.lineID == 0 || named.lineID == line.id) && !line.isSettled(self, now)
                && isTold(line.lot)
            {
                let taken = min(left, line.quantity - units[index])
                units[index] += taken
                left -= taken
            }
        }
        return units
    }

    /// Units of every line; nil: what is asked makes no sense, or is nothing.
    func units(_ quantities: [LineQuantity], _ most: KeyPath<HeldLine, Int64>) -> [Int64]? {
        var units = lines.map { quantities.isEmpty ? $0[keyPath: most] : 0 }
        var named: Set<UInt32> = []
        for quantity in quantities {
            guard let index = lines.firstIndex(where: { $0.id == quantity.lineID }),
                named.insert(quantity.lineID).inserted,
                quantity.quantity >= 0, quantity.quantity <= lines[index][keyPath: most]
            else { return nil }
            units[index] = quantity.quantity
        }
        return units.contains { $0 > 0 } ? units : nil
    }
}

extension ReservationChangeKind {
    var requestMethod: RequestMethod {
        switch self {
        case .extend: .extend
        case .commit: .commit
        case .release: .release
        }
    }
}

extension Hold {
    func linesToShip(_ sku: String, from location: LocationNumber, lot: String) -> [Int] {
        var order: [Int] = []
        let own = lines.indices.filter { lines[$0].sku == sku }
        func add(_ isNext: (HeldLine) -> Bool) { order += own.filter { isNext(lines[$0]) && !order.contains($0) } }
        add { $0.location == location && $0.lot == lot }
        for next in [location] + own.map({ lines[$0].location }).sorted() {
            for nextLot in own.map({ lines[$0].lot }).sorted() { add { $0.location == next && $0.lot == nextLot } }
        }
        return order
    }
}

/// Units of a hold's line that were shipped.
struct GoodsIssue {
    var number: ReservationNumber
    var lineID: UInt32
    var erp: String
    var units: Int64
}

/// What the ledger should hold: every operation that was acknowledged, done to plain dictionaries. It shares no code
/// with what it checks, and knows nothing of commits, rows, rebasing or sweeping.
struct Model {
    struct RequestKey: Hashable {
        var channel: String
        var method: RequestMethod
        var id: String
    }

    struct Request {
        var number: ReservationNumber
        var digest: UInt64
        var time: WallNanoseconds
    }

    struct EventKey: Hashable {
        var source: String
        var id: String
    }

    struct PairKey: Hashable {
        var place: Place
        var bucket: Bucket
        var lot: String
        var reference: String
    }

    struct SupplyKey: Hashable {
        var place: Place
        var id: String
    }

    /// What a command must be answered with.
    enum Prediction {
        case events([EventOutcome])
        case channel
        case done
        /// Nothing that the model tells of changes.
        case rebuild
        case refused
        /// There is no room for another dead letter.
        case full
        /// What becomes of each letter; nil: nothing is called so, or it is discarded.
        case letters([EventOutcome?])
        /// How a comparison then stands.
        case comparison(VarianceBook.Running)
        /// Why each variance was not applied; empty: it was.
        case repaired([String])
        case hold(Hold)
    }

    let terms: WorldTerms
    let epoch: UInt64
    private(set) var now: WallNanoseconds = 0
    var policies: [String: ChannelPolicy] = [:]
    var holds: [ReservationNumber: Hold] = [:]
    var requests: [RequestKey: Request] = [:]
    var stock: [Place: StockHistory] = [:]
    var events: [EventKey: UInt64] = [:]
    /// The events of each transfer and allocation, as they were told.
    var pairs: [PairKey: [InventoryEvent]] = [:]
    /// What was told and received of each supply.
    var supplies: [SupplyKey: [InventoryEvent]] = [:]
    /// Sums of the holds' lines, kept along; `recount` makes them anew.
    private(set) var held: [Place: [String: Int64]] = [:]
    private(set) var releasing: [Place: Int64] = [:]
    /// The same of lots: what is open, and what is closed and subtracted all the same.
    private(set) var heldOfLots: [Place: [String: (reserved: Int64, releasing: Int64)]] = [:]
    /// What left the house since somebody last looked: the ERPs know of it by themselves.
    var issues: [GoodsIssue] = []
    var letters: LetterBook
    var variances = VarianceBook()
    /// No ACTIVE hold ends before it.
    private var nextExpiry = WallNanoseconds.max

    init(terms: WorldTerms, epoch: UInt64) {
        self.terms = terms
        self.epoch = epoch
        letters = LetterBook(mostLetters: terms.deadLettersMax)
    }

    // MARK: Time

    /// Holds end by themselves, at their time and never before.
    mutating func advance(to time: WallNanoseconds) {
        now = max(now, time)
        guard nextExpiry <= now else { return }
        nextExpiry = .max
        for (number, hold) in holds where hold.state == .active {
            guard hold.expires <= now else {
                nextExpiry = min(nextExpiry, hold.expires)
                continue
            }
            var hold = hold
            for index in hold.lines.indices {
                hold.lines[index].lapsed = hold.lines[index].open
                giveBack(hold.lines[index].open, &hold, index)
            }
            hold.sweptAt = now
            hold.changed = hold.expires
            end(&hold, .expired)
            holds[number] = hold
        }
    }

    /// What ended and what was asked before this may be forgotten.
    var retentionStart: WallNanoseconds {
        let longest = policies.values.reduce(Int64(0)) { longest, policy in
            policy.overrides.reduce(max(longest, policy.holds.longestTTLNanoseconds)) {
                max($0, $1.holds.longestTTLNanoseconds ?? 0)
            }
        }
        return now - max(terms.retention, longest + 3_600 * .perSecond)
    }

    func isForgettable(_ hold: Hold) -> Bool { hold.state.isTerminal && hold.changed < retentionStart }

    // MARK: The one place where units move

    mutating func store(_ hold: Hold, isChange: Bool = true) {
        var hold = hold
        if isChange { hold.changed = now }
        holds[hold.number] = hold
        if hold.state == .active { nextExpiry = min(nextExpiry, hold.expires) }
    }

    mutating func take(_ line: HeldLine, for channel: String) {
        held[line.place, default: [:]][channel, default: 0] += line.open
        heldOfLots[line.place, default: [:]][line.lot, default: (0, 0)].reserved += line.open
    }

    /// Changes a line, and the sums with it.
    private mutating func change(_ hold: inout Hold, _ index: Int, _ body: (inout HeldLine) -> Void) {
        let before = hold.lines[index]
        body(&hold.lines[index])
        let line = hold.lines[index]
        heldOfLots[line.place, default: [:]][line.lot, default: (0, 0)].reserved += line.open - before.open
        heldOfLots[line.place, default: [:]][line.lot, default: (0, 0)].releasing += line.releasing - before.releasing
        if line.open != before.open {
            held[line.place, default: [:]][hold.channel, default: 0] += line.open - before.open
        }
        if line.releasing != before.releasing {
            releasing[line.place, default: 0] += line.releasing - before.releasing
        }
    }

    mutating func giveBack(_ units: Int64, _ hold: inout Hold, _ index: Int) {
        change(&hold, index) { line in
            line.open -= units
            line.released += units
        }
    }

    /// The ERP shipped it and the stock has not heard of it: subtracted all the same.
    mutating func ship(_ hold: inout Hold, _ index: Int) {
        change(&hold, index) { line in
            line.fulfilled += line.open
            line.contained = max(line.contained, line.open)
            line.shippedByErp += line.open
            line.open = 0
            line.isShipped = true
        }
    }

    /// Goods left the house: whoever holds them holds less.
    mutating func fulfil(_ units: Int64, _ hold: inout Hold, _ index: Int) {
        change(&hold, index) { line in
            line.open -= units
            line.fulfilled += units
            line.contained = max(0, line.contained - units)
        }
        let line = hold.lines[index]
        issues.append(GoodsIssue(number: hold.number, lineID: line.id, erp: line.erp, units: units))
    }

    /// The stock hears of goods that the ERP said it shipped.
    mutating func hear(_ units: Int64, _ hold: inout Hold, _ index: Int) {
        change(&hold, index) { line in
            line.shippedByErp -= units
            line.contained = max(0, line.contained - units)
        }
    }

    mutating func contain(_ units: Int64, _ hold: inout Hold, _ index: Int) {
        change(&hold, index) { $0.contained = units }
    }

    func end(_ hold: inout Hold, _ state: ReservationState) {
        hold.state = state
        hold.expires = 0
    }

    mutating func forget(_ number: ReservationNumber) {
        for line in holds[number]?.lines ?? [] {
            releasing[line.place, default: 0] -= line.releasing
            heldOfLots[line.place, default: [:]][line.lot, default: (0, 0)].releasing -= line.releasing
        }
        holds[number] = nil
    }

    /// The sums from nothing but the holds.
    func recount() -> (held: [Place: [String: Int64]], releasing: [Place: Int64]) {
        var held: [Place: [String: Int64]] = [:]
        var releasing: [Place: Int64] = [:]
        for hold in holds.values {
            for line in hold.lines where line.open != 0 || line.releasing != 0 {
                held[line.place, default: [:]][hold.channel, default: 0] += line.open
                releasing[line.place, default: 0] += line.releasing
            }
        }
        return (held, releasing)
    }

    func reserved(at place: Place) -> Int64 { held[place]?.values.reduce(0, +) ?? 0 }

    /// What is there for selling, before any policy; signed. Nil: nothing is known of the place.
    func sellable(at place: Place, safetyStockAtLeast least: Int64 = 0) -> Int64? {
        guard let values = stock[place]?.values else { return nil }
        return values[.onHand] - values[.quarantined] - values[.damaged] - values[.allocated]
            - max(values[.safetyStock], least) - reserved(at: place) - releasing[place, default: 0]
    }

    /// What is there of one lot for selling; signed.
    func sellable(_ lot: String, at place: Place) -> Int64 {
        guard let values = stock[place]?.parts[lot]?.values else { return 0 }
        let held = heldOfLots[place]?[lot] ?? (0, 0)
        return values[.onHand] - values[.quarantined] - values[.damaged] - values[.allocated] - values[.safetyStock]
            - held.reserved - held.releasing
    }

    /// What one customer holds.
    func standing(channel: String, customer: String) -> (holds: Int64, units: [String: Int64]) {
        var result: (holds: Int64, units: [String: Int64]) = (0, [:])
        for hold in holds.values where hold.customer == customer && hold.channel == channel && !hold.state.isTerminal {
            result.holds += 1
            for line in hold.lines { result.units[line.sku, default: 0] += line.open }
        }
        return result
    }
}
