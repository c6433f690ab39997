/// What the events of one reference open and close. Raw values are stored: fixed.
public enum ReferenceKind: UInt8, Sendable, Equatable, CaseIterable {
    /// Goods between two locations: `in_transit` where they arrive.
    case transfer = 1
    /// Stock allocated to somebody else: `allocated`.
    case allocation = 2

    public var bucket: Bucket {
        switch self {
        case .transfer: .inTransit
        case .allocation: .allocated
        }
    }
}

/// What the events of one reference, such as a transfer's, do together to one bucket of one position. Openings add to it;
/// closings take away as much as was opened, the earliest first, and what was not opened yet waits. So the same events
/// have the same effects, whatever the order they arrive in.
public struct ReferenceLine: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        public var occurredAtNanoseconds: WallNanoseconds
        /// Its event's place on the position's time line.
        public var key: OrderKey
        /// 1 or more.
        public var units: Int64
        public var opens: Bool
        /// A closing that mostly has no opening, as a shipment's number is mostly no allocation's: it is missed by nobody.
        public var mayStandAlone: Bool
        /// A shipment of a hold of ours: its units were held as ours, so it closes only what was opened before it, as what was
        /// allocated before its order's name was known here.
        public var isOfHold: Bool
        /// What of it stands on the time line now, signed.
        public var effect: Int64 = 0
        /// Its place there is pruned, or full: the effect stays what it is.
        public var isFixed = false

        /// In the name of holds of ours, which are subtracted anyway: it does nothing.
        public var isOurs = false
        /// Of those the ones that have not ended, ascending.
        public var holds: [ReservationNumber] = []
        /// One of them ended by our clock or by its ERP's refusal: once all ended, it is somebody else's.
        public var hasLostHold = false

        public init(
            occurredAtNanoseconds: WallNanoseconds, key: OrderKey, units: Int64, opens: Bool,
            mayStandAlone: Bool = false, isOfHold: Bool = false
        ) {
            self.mayStandAlone = mayStandAlone
            self.isOfHold = isOfHold
            self.occurredAtNanoseconds = occurredAtNanoseconds
            self.key = key
            self.units = units
            self.opens = opens
        }

        /// Of a closing: the units that it takes of what is somebody else's.
        fileprivate func closed(_ held: inout Int64, _ left: inout Int64, openThen: Int64) -> Int64 {
            var units = self.units
            func take(_ most: Int64) -> Int64 {
                let taken = max(0, min(most, units))
                units -= taken
                return taken
            }
            if isOurs || isOfHold {
                held -= take(held)
                let taken = take(min(left, openThen))
                left -= taken
                return taken
            }
            let taken = take(left)
            left -= taken
            held -= take(held)
            return taken
        }
    }

    /// By time, then what opens before what closes, then key.
    public private(set) var entries: [Entry] = []
    /// Entries up to this time are not told apart any more.
    public private(set) var foldedThroughNanoseconds: WallNanoseconds = 0
    /// What those left open.
    public private(set) var foldedUnits: Int64 = 0
    /// When an event of it last came, by our clock: it is kept for a horizon from then on, however old its events are.
    public var touchedNanoseconds: WallNanoseconds = 0

    public init() {}

    /// As read from the ledger.
    public init(
        entries: [Entry], foldedThroughNanoseconds: WallNanoseconds, foldedUnits: Int64,
        touchedNanoseconds: WallNanoseconds
    ) {
        self.entries = entries
        self.foldedThroughNanoseconds = foldedThroughNanoseconds
        self.foldedUnits = foldedUnits
        self.touchedNanoseconds = touchedNanoseconds
    }

    /// Whether as many events as are told apart are in it.
    public var isFull: Bool { entries.count >= Limits.referenceEventsMax }

    /// Why an event of a time cannot be added; nil: it can.
    public func problem(atNanoseconds time: WallNanoseconds) -> EventRejection? {
        if time <= foldedThroughNanoseconds {
            return EventRejection(.tooOld, "reference: what happened to it at that time is no longer told apart")
        }
        guard isFull else { return nil }
        return EventRejection(
            .outOfRange, "reference: at most \(Limits.referenceEventsMax) events of one are told apart")
    }

    /// Adds an event that is not in it. False: there is a problem, and nothing was changed.
    public mutating func insert(_ entry: Entry) -> Bool {
        guard problem(atNanoseconds: entry.occurredAtNanoseconds) == nil else { return false }
        let place = entries.firstIndex { Self.isBefore(entry, $0) } ?? entries.count
        entries.insert(entry, at: place)
        return true
    }

    /// One of our holds ended. True: some of it counts from now on.
    public mutating func end(_ hold: ReservationNumber, isLost: Bool) -> Bool {
        var isChanged = false
        for index in entries.indices where entries[index].holds.contains(hold) {
            entries[index].holds.removeAll { $0 == hold }
            entries[index].hasLostHold = entries[index].hasLostHold || isLost
            guard entries[index].holds.isEmpty, entries[index].hasLostHold else { continue }
            entries[index].isOurs = false
            isChanged = true
        }
        return isChanged
    }

    /// Whether a hold of ours that it is in the name of is still there: then everything is kept apart.
    public var isHeld: Bool { entries.contains { !$0.holds.isEmpty } }

    private static func isBefore(_ left: Entry, _ right: Entry) -> Bool {
        (left.occurredAtNanoseconds, left.opens ? 0 : 1, left.key)
            < (right.occurredAtNanoseconds, right.opens ? 0 : 1, right.key)
    }

    /// What each entry should do to the bucket: openings all of theirs; closings as much as is left, the earliest first. What is
    /// in the name of a hold of ours does nothing; a closing in its name is of that first, then of what was opened before.
    public var wanted: [Int64] {
        var left = foldedUnits
        var held: Int64 = 0
        for entry in entries {
            if entry.isFixed {
                left += entry.effect
            } else if entry.opens {
                if entry.isOurs { held += entry.units } else { left += entry.units }
            }
        }
        var openThen = foldedUnits
        return entries.map { entry in
            var effect = entry.effect
            if !entry.isFixed {
                if entry.opens {
                    effect = entry.isOurs ? 0 : entry.units
                } else {
                    effect = -entry.closed(&held, &left, openThen: openThen)
                }
            }
            openThen += effect
            return effect
        }
    }

    public mutating func setEffect(_ units: Int64, at index: Int) { entries[index].effect = units }

    public mutating func fix(at index: Int) { entries[index].isFixed = true }

    /// Forgets the single entries that lie more than a horizon behind the newest, or behind `newest` if that is later, and
    /// keeps what they left open. By the events' own times: of a feed that is days behind, none is old beside its neighbours.
    /// Returns the closings among them that never found their opening.
    @discardableResult
    public mutating func fold(horizonNanoseconds: Int64, newest: WallNanoseconds = .min) -> [Entry] {
        guard let last = entries.last?.occurredAtNanoseconds else { return [] }
        let time = max(last, newest) - horizonNanoseconds
        guard time > foldedThroughNanoseconds else { return [] }
        let unpaired = unpaired.filter { $0.occurredAtNanoseconds <= time }
        while let first = entries.first, first.occurredAtNanoseconds <= time {
            foldedUnits += first.effect
            entries.removeFirst()
        }
        foldedThroughNanoseconds = time
        return unpaired
    }

    /// Before an event of a time is added: of a full line, what lies more than a horizon behind the event is forgotten.
    /// Returns as `fold`.
    @discardableResult
    public mutating func makeRoom(at time: WallNanoseconds, horizonNanoseconds: Int64) -> [Entry] {
        isFull && !isHeld ? fold(horizonNanoseconds: horizonNanoseconds, newest: time) : []
    }

    /// Closings that wait for an opening that somebody should have told of.
    public var unpaired: [Entry] { entries.filter { isWaiting($0) && !$0.mayStandAlone } }

    /// Units opened and not closed.
    public var open: Int64 { entries.reduce(foldedUnits) { $0 + $1.effect } }

    /// Whether a closing waits for its opening.
    public func isWaiting(_ key: OrderKey) -> Bool {
        entries.contains { $0.key == key && isWaiting($0) }
    }

    private func isWaiting(_ entry: Entry) -> Bool {
        !entry.opens && !entry.isFixed && !entry.isOurs && -entry.effect < entry.units
            && !entries.contains { $0.opens && $0.isOurs }
    }

    /// Whether it is closed, and nothing came of it since a time.
    public func isOver(beforeNanoseconds time: WallNanoseconds) -> Bool {
        open == 0 && !isHeld && touchedNanoseconds < time
    }
}
