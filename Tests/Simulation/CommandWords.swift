import Engine
import Inventory

/// A command as it is printed when an invariant did not hold.
extension EngineCommand {
    var inWords: String {
        switch self {
        case .publish(_, let events, _, _): events.map(\.event.inWords).joined(separator: "; ")
        case .updateChannel(_, let update): "channel \(update.channelID) becomes \(update.policy)"
        case .seed: "seed"
        case .reserve(_, let wish, let identity):
            "\(identity.inWords) reserve for \(wish.channelID) "
                + wish.lines.map { "\($0.quantity) of \($0.sku)@\($0.scope)" }.joined(separator: ", ")
                + (wish.allowsPartial ? ", or less" : "") + (wish.customer.isEmpty ? "" : ", for \(wish.customer)")
                + (wish.ttlNanoseconds.map { ", for \($0) ns" } ?? "")
        case .change(_, let wish, let identity): "\(identity.inWords) change \(wish.number): \(wish.kind.inWords)"
        case .takeErpOutcomes(_, let outcomes):
            outcomes.map { "\($0.erp) to \($0.kind) of \($0.number): \($0.answer)" }.joined(separator: "; ")
        case .lookForHolds(_, let missed):
            "\(missed.erp) lacked at \(missed.askedNanoseconds): \(missed.lines.keys.sorted())"
        case .endRestoration: "end the restoration"
        case .reconcile(_, let command): "\(command)"
        case .dealWithDeadLetters(_, let wish):
            "\(wish.kind) dead letters "
                + wish.letters.map { "\($0.id) \($0.incoming?.event.inWords ?? "unread")" }.joined(separator: "; ")
        case .endGap(_, let end): "end the gap of \(end.source)"
        case .decideFeed(_, let decision): "\(decision.action) feed \(decision.feed)"
        case .note(_, let decision): "\(decision.action.rawValue) of \(decision.subject)"
        case .publication(_, let command): "\(command)"
        case .rebuild(_, .take(_, _, let events)): "told again: " + events.map(\.event.id).joined(separator: " ")
        case .rebuild(_, let command): "rebuild: \(command)"
        }
    }
}

extension RequestIdentity {
    fileprivate var inWords: String { "\(requestID)/\(bodyDigest)" }
}

extension ReservationChangeKind {
    fileprivate var inWords: String {
        switch self {
        case .extend(let ttl): "extend by \(ttl.map { "\($0) ns" } ?? "the default")"
        case .commit(let quantities, let reacquires, _):
            "commit \(quantities.inWords)" + (reacquires ? ", again if it ran out" : "")
        case .release(let quantities): "release \(quantities.inWords)"
        }
    }
}

extension [LineQuantity] {
    fileprivate var inWords: String {
        isEmpty ? "all" : map { "\($0.quantity) of line \($0.lineID)" }.joined(separator: ", ")
    }
}

extension InventoryEvent {
    fileprivate var inWords: String {
        let figures = Bucket.allCases.filter { snapshot.touched.contains($0) }.map {
            "\($0.name) \(snapshot.values[$0])"
        }
        return "\(id)/\(bodyDigest) of \(source) at \(occurredAtNanoseconds): \(kind) \(quantity ?? 0) "
            + "\(figures.joined(separator: ", ")) of \(sku)@\(location)"
            + contains.map { ", with \($0.quantity) of \($0.reservationID)/\($0.lineID)" }.joined()
    }
}

extension EngineCommand {
    /// Whether other figures may answer after it.
    var maySwitch: Bool {
        switch self {
        case .rebuild(_, .switchTo), .rebuild(_, .becomeReady): true
        default: false
        }
    }
}
