internal import Erp
internal import Inventory

/// What went wrong with one call to Tryton, as far as it matters what became of it.
enum TrytonProblem: Error, Equatable {
    /// It never left.
    case notSent(String)
    /// It left, and whether it took effect is unknown.
    case noAnswer(String)
    /// Tryton rolled it back for others' sake, and it may be sent again. A rare fault after the commit looks the same,
    /// so what must not be done twice is searched for first.
    case busy(String)
    /// Tryton says no; nothing was changed.
    case refused(String)
    /// The unique index on references says no; nothing was changed.
    case duplicate
    /// The session has ended; nothing was changed.
    case unauthorized
    case misconfigured(String)

    /// The same for the dispatcher, where nothing can have been held.
    var failure: ErpFailure {
        switch self {
        case .notSent(let text), .busy(let text): .notSent(text)
        case .noAnswer(let text): .noAnswer(text)
        case .refused(let text), .misconfigured(let text): .misconfigured(text)
        case .duplicate: .notSent("the reference is taken")
        case .unauthorized: .misconfigured("Tryton does not accept the session")
        }
    }

    /// The same for one hold of which nothing can have been held, unless the call is without an answer.
    var reply: ErpReply {
        switch failure {
        case .notSent(let text): .retry(text)
        case .noAnswer: .answer(.unknown)
        case .misconfigured(let text): .failed(text)
        }
    }
}
