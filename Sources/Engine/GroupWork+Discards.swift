internal import Inventory
internal import Ledger

/// When a dead letter was discarded. Kept by its digest, and by time to be forgotten.
private struct Discard: Codable {
    var timeNanoseconds: WallNanoseconds
    /// When the letter came first.
    var letterTimeNanoseconds: WallNanoseconds
}

/// What was discarded is left out of a rebuild, which reads the feeds' past with it: its sender may have sent it anew under
/// another id. Only what surely took no effect: a letter may also be of an event that did, and was read once more too late
/// (TOO_OLD) or otherwise (ID_REUSED).
extension GroupWork {
    /// How long it is known, and at least for the horizon.
    private static let discardsKeptNanoseconds: Int64 = 90 * 24 * 3_600 * .perSecond
    /// Old ones forgotten for each that is added.
    private static let discardsForgottenPerAdded = 2

    mutating func rememberDiscard(of letter: DeadLetter) throws(LedgerError) {
        // Readings and publications are in no feed's past.
        switch ContentType(rawValue: letter.contentType) {
        case .erpReading, .publication, nil: return
        default: break
        }
        let mayHaveTakenEffect = [DeadLetterReason.tooOld, .idReused].contains {
            letter.reason.hasPrefix($0.rawValue)
        }
        let source = catalogue.sources[letter.source]?.number
        if mayHaveTakenEffect { return }
        if let source, try eventOfRunning(letter.eventID, of: source) != nil { return }
        if let source, let beside, try batch.event(tenant: beside, source: source, id: letter.eventID) != nil {
            // That cannot be taken back: it is told.
            catalogue.rebuild?.refusals.add(
                RebuildRefusals.discarded, source: letter.source, id: letter.eventID, "was taken in before")
            hasRebuildChanged = true
        }
        try forgetOldDiscards()
        let discard = Discard(
            timeNanoseconds: nowNanoseconds, letterTimeNanoseconds: letter.firstTimeNanoseconds)
        try batch.setDocument(discard, tenant: tenant, kind: .discard, id: letter.digest.text)
        let place = Self.place(discard, letter.digest.text)
        try batch.setDocument(discard, tenant: tenant, kind: .discardTime, id: place)
        catalogue.hasDiscards = true
    }

    /// Whether a rebuild leaves an event of the past out. One that was older than the horizon when its letter came may have
    /// taken effect before, which is forgotten by now.
    func isDiscarded(_ incoming: IncomingEvent) throws(LedgerError) -> Bool {
        guard catalogue.hasDiscards else { return false }
        let id = Self.digest(of: incoming).text
        guard let discard: Discard = try batch.document(tenant: tenant, kind: .discard, id: id) else { return false }
        let start = discard.letterTimeNanoseconds - settings.horizonNanoseconds
        return incoming.rejection != nil || incoming.event.occurredAtNanoseconds >= start
    }

    /// It was sent once more as it is and took effect: nothing of it is to be left out any more.
    mutating func forgetDiscard(of incoming: IncomingEvent) throws(LedgerError) {
        guard catalogue.hasDiscards else { return }
        let id = Self.digest(of: incoming).text
        guard let discard: Discard = try batch.document(tenant: tenant, kind: .discard, id: id) else { return }
        try batch.deleteDocument(tenant: tenant, kind: .discard, id: id)
        try batch.deleteDocument(tenant: tenant, kind: .discardTime, id: Self.place(discard, id))
    }

    private mutating func forgetOldDiscards() throws(LedgerError) {
        let start = nowNanoseconds - max(settings.horizonNanoseconds, Self.discardsKeptNanoseconds)
        var old: [String] = []
        try batch.forEachDocument(Discard.self, tenant: tenant, kind: .discardTime) { id, discard in
            guard discard.timeNanoseconds < start, old.count < Self.discardsForgottenPerAdded else { return false }
            old.append(id)
            return true
        }
        for id in old {
            try batch.deleteDocument(tenant: tenant, kind: .discardTime, id: id)
            let digest = String(id.suffix(DeadLetterDigest.textCharacters))
            // Discarded once more since, it has a later place.
            let discard: Discard? = try batch.document(tenant: tenant, kind: .discard, id: digest)
            guard let discard, Self.place(discard, digest) == id else { continue }
            try batch.deleteDocument(tenant: tenant, kind: .discard, id: digest)
        }
    }

    private static func place(_ discard: Discard, _ digest: String) -> String {
        hexadecimal(UInt64(max(0, discard.timeNanoseconds))) + digest
    }
}

extension LedgerReading where Self: ~Copyable {
    /// Whether any is remembered.
    borrowing func hasDiscards(of tenant: TenantNumber) throws(LedgerError) -> Bool {
        var isAny = false
        try forEachDocument(Discard.self, tenant: tenant, kind: .discardTime) { _, _ in
            isAny = true
            return false
        }
        return isAny
    }
}

extension DeadLetterDigest {
    fileprivate static let textCharacters = 32

    fileprivate var text: String { hexadecimal(high) + hexadecimal(low) }
}

/// 16 digits, in the order of the numbers.
private func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
