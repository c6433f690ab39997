internal import Inventory
internal import Ledger

extension GroupWork {
    /// Keeps what could not be applied with its bytes and its reason. A repeat of the same poison only counts up.
    mutating func keepDeadLetter(
        _ incoming: IncomingEvent, _ rejection: EventRejection
    ) throws(LedgerError) -> EventResult {
        if isBeside || (origin.isReplay && rejection.reason == .tooOld) {
            return EventResult(id: incoming.event.id, outcome: .deadLettered, reason: rejection.description)
        }
        let event = incoming.event
        let digest = Self.digest(of: incoming)
        let known: DeadLetter?
        if let replayed { known = replayed } else { known = try batch.deadLetter(tenant: tenant, digest: digest) }
        let letter = DeadLetter(
            sequence: known?.sequence ?? batch.nextSequence(), digest: known?.digest ?? digest,
            contentType: incoming.contentType.rawValue,
            firstTimeNanoseconds: known?.firstTimeNanoseconds ?? nowNanoseconds, lastTimeNanoseconds: nowNanoseconds,
            attempts: (known?.attempts ?? 0) &+ 1, reason: rejection.description,
            source: event.source.cut(toBytes: Limits.nameBytesMax),
            eventID: event.id.cut(toBytes: Limits.idBytesMax), sku: event.sku.cut(toBytes: Limits.skuBytesMax),
            feed: replayed?.feed ?? origin.feed, original: incoming.original)
        try keep(letter, inPlaceOf: known)
        let now = nowNanoseconds
        let isNew = replayed == nil
        note(event.source) { progress in
            if isNew { progress.deadLettered += 1 }
            progress.lastError = rejection.description
            progress.lastErrorNanoseconds = now
        }
        return EventResult(id: event.id, outcome: .deadLettered, reason: rejection.description)
    }

    /// Stores a letter while there is room for it. One that is known takes no other's place.
    mutating func keep(_ letter: DeadLetter, inPlaceOf known: DeadLetter?) throws(LedgerError) {
        if known == nil {
            let (most, bytesMax) = (UInt64(settings.deadLettersMax), settings.deadLetterBytesMax)
            guard batch.state.deadLetters < most else {
                throw .deadLettersFull("\(most) dead letters are kept, the most there may be; discard some")
            }
            guard batch.state.deadLetterBytes + UInt64(letter.bytes) <= bytesMax else {
                throw .deadLettersFull(
                    "dead letters fill the \(bytesMax) bytes of events.dead_letter_bytes_max; discard some")
            }
        }
        try batch.setDeadLetter(letter, tenant: tenant)
    }

    /// The same for the same poison. A reading tells of the same position again and again under new ids: it is the position
    /// that is kept, not each reading of it.
    static func digest(of incoming: IncomingEvent) -> DeadLetterDigest {
        let event = incoming.event
        let name = incoming.contentType == .erpReading ? "\(event.sku)\u{0}\(event.location)" : event.id
        return DeadLetterDigest(
            high: ContentDigest.of(Array("\(event.source)\u{0}\(name)".utf8)),
            low: incoming.contentType == .erpReading ? 0 : ContentDigest.of(incoming.original))
    }

    /// Tries dead letters again or gives them up. One entry of the audit log tells of all.
    mutating func deal(with wish: DeadLetterWish) throws(LedgerError) -> CommandOutcome {
        var results: [DeadLetterResult] = []
        for wished in wish.letters {
            guard let letter = try batch.deadLetter(tenant: tenant, id: wished.id) else {
                results.append(.init(id: wished.id, outcome: nil, isFound: false, reason: "DEAD_LETTER_NOT_FOUND"))
                continue
            }
            switch wish.kind {
            case .replay: results.append(try replay(letter, wished))
            case .discard:
                try batch.deleteDeadLetter(letter, tenant: tenant)
                try rememberDiscard(of: letter)
                results.append(.init(id: wished.id, outcome: nil, isFound: true, reason: ""))
            }
        }
        let found = results.filter(\.isFound)
        if !found.isEmpty {
            try audit(
                wish.kind == .replay ? .replayDeadLetters : .discardDeadLetters, "dead-letters", actor: wish.actor,
                reason: wish.reason, requestID: wish.requestID
            ) { entry in
                entry.outcomes = Dictionary(
                    found.map { ("dead-letters/\($0.id)", $0.outcome?.name ?? "DISCARDED") }, uniquingKeysWith: { $1 })
            }
        }
        return .deadLetters(results)
    }

    /// Its event is taken in like any other; what fails again stays the letter it is, with its place in the list.
    private mutating func replay(
        _ letter: DeadLetter, _ wished: DeadLetterWish.Letter
    ) throws(LedgerError) -> DeadLetterResult {
        guard let incoming = wished.incoming else {
            var counted = letter
            counted.attempts &+= 1
            counted.lastTimeNanoseconds = nowNanoseconds
            try batch.setDeadLetter(counted, tenant: tenant)
            if wished.isToldAgain { return .init(id: letter.id, outcome: .buffered, isFound: true, reason: "") }
            return .init(
                id: letter.id, outcome: .deadLettered, isFound: true,
                reason: "INVALID_FIELD: nothing here reads an event out of its original bytes")
        }
        replayed = letter
        defer { replayed = nil }
        let result = try publish(incoming)
        if result.outcome != .deadLettered { try batch.deleteDeadLetter(letter, tenant: tenant) }
        return .init(id: letter.id, outcome: result.outcome, isFound: true, reason: result.reason)
    }
}

extension String {
    /// By bytes, since one character may have any number of them.
    func cut(toBytes most: Int) -> String {
        utf8.count <= most ? self : String(decoding: utf8.prefix(most), as: UTF8.self)
    }
}

extension EventOutcome {
    /// As in the contract, without the enum's prefix.
    public var name: String {
        switch self {
        case .applied: "APPLIED"
        case .duplicate: "DUPLICATE"
        case .superseded: "SUPERSEDED"
        case .buffered: "BUFFERED"
        case .deadLettered: "DEAD_LETTERED"
        }
    }
}
