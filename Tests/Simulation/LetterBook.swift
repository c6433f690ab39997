import Engine
import Inventory

/// What should be kept of events that could not be applied, and what people made of it.
struct LetterBook {
    /// The same for the same poison.
    struct Key: Hashable {
        var source: String
        var eventID: String
        var original: [UInt8]

        init(source: String, eventID: String, original: [UInt8]) {
            (self.source, self.eventID, self.original) = (source, eventID, original)
        }

        init(_ incoming: IncomingEvent) {
            self.init(source: incoming.event.source, eventID: incoming.event.id, original: incoming.original)
        }
    }

    struct Letter {
        var incoming: IncomingEvent
        /// How often it came or was tried again.
        var attempts: UInt32 = 1
        /// Of all that ever came.
        var order: Int
    }

    /// Nil: never so many that it matters.
    let mostLetters: Int?
    private(set) var letters: [Key: Letter] = [:]
    /// What the ledger calls letters that somebody has seen.
    var seen: [String: Key] = [:]
    /// Entries of the audit log that must be there.
    var decisions = 0
    private var count = 0

    init(mostLetters: Int?) {
        self.mostLetters = mostLetters
    }

    /// Whether one more may be one too many.
    func mayOverflow(by more: Int) -> Bool { mostLetters.map { letters.count + more > $0 } ?? false }

    /// False: there is no room for it, and nothing was kept.
    mutating func keep(_ incoming: IncomingEvent) -> Bool {
        let key = Key(incoming)
        if letters[key] != nil {
            letters[key]?.attempts += 1
            return true
        }
        guard !mayOverflow(by: 1) else { return false }
        count += 1
        letters[key] = Letter(incoming: incoming, order: count)
        return true
    }

    mutating func countAttempt(_ key: Key) { letters[key]?.attempts += 1 }

    mutating func remove(_ key: Key) { letters[key] = nil }
}

extension Model {
    /// What becomes of each letter.
    mutating func deal(with wish: DeadLetterWish, wall: WallNanoseconds) -> [EventOutcome?] {
        var isAboutAny = false
        let outcomes = wish.letters.map { wished -> EventOutcome? in
            guard let key = letters.seen[wished.id], letters.letters[key] != nil else { return nil }
            isAboutAny = true
            guard wish.kind == .replay else {
                letters.remove(key)
                return nil
            }
            let outcome = wished.incoming.map { publish($0.event, wall: wall) } ?? .deadLettered
            if outcome == .deadLettered { letters.countAttempt(key) } else { letters.remove(key) }
            return outcome
        }
        if isAboutAny { letters.decisions += 1 }
        return outcomes
    }
}
