internal import HeapModule
internal import Inventory
internal import Ledger

/// What the writer keeps in memory about open reservations, so that no record on disk is needed for it: who expires next,
/// and what each customer holds. Made anew from the holds at every start; changed only after a commit.
///
/// Thread: the writer's.
final class ReservationIndex {
    private var expiries: Heap<Expiry> = []
    private var customers: [CustomerKey: CustomerStanding] = [:]
    /// Those that are not settled, by what events call them besides their ids.
    private var named: [HoldName: Set<ReservationNumber>] = [:]

    /// What sources call a hold of ours.
    enum HoldName: Hashable {
        case order(String)
        case erp(String)
    }

    struct CustomerKey: Hashable {
        var channel: String
        var customer: String

        init(channel: String, customer: String) {
            self.channel = channel
            self.customer = customer
        }

        init(_ reservation: Reservation) {
            self.init(channel: reservation.channel, customer: reservation.customer)
        }
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
        let numbers = try reader.unsettled(tenant: tenant)
        for number in numbers {
            do throws(LedgerError) {
                guard let reservation = try reader.reservation(number, tenant: tenant) else { continue }
                note(from: nil, to: reservation)
                if !reservation.customer.isEmpty {
                    customers[CustomerKey(reservation), default: CustomerStanding()].move(from: nil, to: reservation)
                }
                outbox.restore(reservation, nowNanoseconds: nowNanoseconds)
            } catch {
                guard case .corrupt = error else { throw error }
            }
        }
    }

    /// When the next hold may run out; nil: none will.
    var nextExpiryNanoseconds: WallNanoseconds? { expiries.min?.timeNanoseconds }

    /// Takes out what is due by a time, at most `limit`, the earliest first.
    func takeDue(_ nowNanoseconds: WallNanoseconds, limit: Int) -> [Expiry] {
        var due: [Expiry] = []
        while due.count < limit, let first = expiries.min, first.timeNanoseconds <= nowNanoseconds {
            due.append(first)
            expiries.removeMin()
        }
        return due
    }

    /// Gives back what a group that was taken back had taken.
    func putBack(_ due: [Expiry]) {
        for entry in due { expiries.insert(entry) }
    }

    func standing(_ key: CustomerKey) -> CustomerStanding { customers[key] ?? CustomerStanding() }

    /// Takes over a committed change. An entry whose reservation has another expiry by then is passed over when its time
    /// comes.
    func note(from old: Reservation?, to new: Reservation) {
        noteNames(from: old, to: new)
        if new.state == .active, old?.expireTimeNanoseconds != new.expireTimeNanoseconds {
            expiries.insert(Expiry(timeNanoseconds: new.expireTimeNanoseconds, number: new.number))
        }
    }

    func numbers(called name: HoldName) -> Set<ReservationNumber> { named[name] ?? [] }

    private func noteNames(from old: Reservation?, to new: Reservation) {
        let (before, after) = (old?.names ?? [], new.names)
        guard before != after else { return }
        for name in before.subtracting(after) {
            named[name]?.remove(new.number)
            if named[name]?.isEmpty == true { named[name] = nil }
        }
        for name in after.subtracting(before) { named[name, default: []].insert(new.number) }
    }

    /// Takes over what a committed group changed.
    func apply(_ changes: [CustomerKey: CustomerStanding]) {
        for (key, change) in changes {
            customers[key, default: CustomerStanding()] += change
            if customers[key]?.isNothing == true { customers[key] = nil }
        }
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

    static func += (left: inout CustomerStanding, right: CustomerStanding) {
        left.holds += right.holds
        for (sku, units) in right.units {
            let sum = left.units[sku, default: 0] + units
            left.units[sku] = sum == 0 ? nil : sum
        }
    }
}

extension Reservation {
    /// What sources may call it; nothing once it is settled.
    var names: Set<ReservationIndex.HoldName> {
        guard !isSettled else { return [] }
        var names: Set<ReservationIndex.HoldName> = orderReference.isEmpty ? [] : [.order(orderReference)]
        for line in lines where !line.erpReference.isEmpty { names.insert(.erp(line.erpReference)) }
        return names
    }
}

/// When a reservation runs out.
struct Expiry: Comparable {
    var timeNanoseconds: WallNanoseconds
    var number: ReservationNumber

    static func < (left: Expiry, right: Expiry) -> Bool {
        (left.timeNanoseconds, left.number) < (right.timeNanoseconds, right.number)
    }
}
