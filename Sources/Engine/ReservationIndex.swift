internal import Inventory
internal import Ledger

/// What the writer keeps in memory about open reservations, so that no record on disk is needed for it: who expires next,
/// and what each customer holds. Made anew from the holds at every start; changed only after a commit.
///
/// Thread: the writer's.
final class ReservationIndex {
    private var expiries = ExpiryHeap()
    private var customers: [CustomerKey: CustomerStanding] = [:]

    struct CustomerKey: Hashable {
        var channel: String
        var customer: String
    }

    init() {}

    /// From what is open, and fills the outbox with what the ERPs have yet to hear. A damaged record is passed over: its
    /// reservation is found by verify, and by whoever asks for it.
    convenience init(
        reading reader: SnapshotReader, tenant: TenantNumber, outbox: ErpOutbox, nowNanoseconds: WallNanoseconds
    ) throws(LedgerError) {
        self.init()
        try reader.renew()
        defer { reader.release() }
        var numbers: [ReservationNumber] = []
        try reader.forEachUnsettled(tenant: tenant) { number throws(LedgerError) in
            numbers.append(number)
            return true
        }
        for number in numbers {
            do throws(LedgerError) {
                guard let reservation = try reader.reservation(number, tenant: tenant) else { continue }
                apply(from: nil, to: reservation)
                outbox.restore(reservation, nowNanoseconds: nowNanoseconds)
            } catch {
                guard case .corrupt = error else { throw error }
            }
        }
    }

    /// When the next hold may run out; nil: none will.
    var nextExpiryNanoseconds: WallNanoseconds? { expiries.first?.timeNanoseconds }

    /// Takes out what is due by a time, at most `limit`, the earliest first.
    func takeDue(_ nowNanoseconds: WallNanoseconds, limit: Int) -> [ExpiryHeap.Entry] {
        var due: [ExpiryHeap.Entry] = []
        while due.count < limit, let first = expiries.first, first.timeNanoseconds <= nowNanoseconds {
            due.append(first)
            expiries.removeFirst()
        }
        return due
    }

    /// Gives back what a group that was taken back had taken.
    func putBack(_ due: [ExpiryHeap.Entry]) {
        for entry in due { expiries.insert(entry) }
    }

    func standing(_ key: CustomerKey) -> CustomerStanding { customers[key] ?? CustomerStanding() }

    /// Takes over a committed change. An entry whose reservation has another expiry by then is passed over when its time
    /// comes.
    func apply(from old: Reservation?, to new: Reservation) {
        if new.state == .active, old?.expireTimeNanoseconds != new.expireTimeNanoseconds {
            expiries.insert(ExpiryHeap.Entry(timeNanoseconds: new.expireTimeNanoseconds, number: new.number))
        }
        guard !new.customer.isEmpty else { return }
        let key = CustomerKey(channel: new.channel, customer: new.customer)
        var standing = standing(key)
        standing.move(from: old, to: new)
        customers[key] = standing.isNothing ? nil : standing
    }
}

extension CustomerStanding {
    /// The difference that a change makes.
    mutating func move(from old: Reservation?, to new: Reservation) {
        if let old, !old.state.isTerminal { count(old, by: -1) }
        if !new.state.isTerminal { count(new, by: 1) }
    }

    private mutating func count(_ reservation: Reservation, by sign: Int64) {
        holds += sign
        for line in reservation.lines where line.open > 0 {
            let left = units[line.sku, default: 0] + sign * line.open
            units[line.sku] = left == 0 ? nil : left
        }
    }

    var isNothing: Bool { holds == 0 && units.isEmpty }

    static func + (left: CustomerStanding, right: CustomerStanding) -> CustomerStanding {
        CustomerStanding(
            holds: left.holds + right.holds, units: left.units.merging(right.units) { $0 + $1 })
    }
}

/// A binary heap of expiries.
struct ExpiryHeap {
    struct Entry: Equatable {
        var timeNanoseconds: WallNanoseconds
        var number: ReservationNumber

        static func < (left: Entry, right: Entry) -> Bool {
            (left.timeNanoseconds, left.number) < (right.timeNanoseconds, right.number)
        }
    }

    private var entries: [Entry] = []

    var first: Entry? { entries.first }

    mutating func insert(_ entry: Entry) {
        entries.append(entry)
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child] < entries[parent] else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeFirst() {
        guard let last = entries.popLast(), !entries.isEmpty else { return }
        entries[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < entries.count else { return }
            let right = left + 1
            let child = right < entries.count && entries[right] < entries[left] ? right : left
            guard entries[child] < entries[parent] else { return }
            entries.swapAt(child, parent)
            parent = child
        }
    }
}
