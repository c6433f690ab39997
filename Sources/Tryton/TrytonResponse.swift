#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// What came back over HTTP.
struct TrytonResponse: Sendable, Equatable {
    var status: Int
    var body: [UInt8]

    /// The result of a method, or why there is none. Of pages in HTML only the status is told.
    func result(of method: String) throws(TrytonProblem) -> TrytonValue {
        switch status {
        case 200: break
        case 401: throw .unauthorized
        case 403: throw .misconfigured("the user may not call \(method)")
        case 404: throw .misconfigured("Tryton has no such database")
        case 429, 503: throw .busy("HTTP \(status) to \(method)")
        case 300..<500: throw .misconfigured("HTTP \(status) to \(method)")
        default: throw .noAnswer("HTTP \(status) to \(method)")
        }
        guard case .object(let answer)? = try? JSONDecoder().decode(TrytonValue.self, from: Data(body)) else {
            throw .noAnswer("the answer to \(method) is not JSON")
        }
        if let error = answer["error"] { throw Self.problem(error, method) }
        guard let result = answer["result"] else { throw .noAnswer("the answer to \(method) has no result") }
        return result
    }

    /// An error is a list: of a person's making [class, [message, description, domain]], of an exception [text, trace].
    private static func problem(_ error: TrytonValue, _ method: String) -> TrytonProblem {
        let parts = error.list
        let name = parts.first?.text ?? ""
        switch name {
        case "UserError", "UserWarning":
            // The name of a warning comes before its message.
            let texts = (parts.count > 1 ? parts[1] : .null).list.compactMap(\.text)
            return .refused(clipped((name == "UserWarning" ? texts.dropFirst().first : texts.first) ?? name))
        case "ConcurrencyException":
            return .busy("somebody else changed the record")
        case "LoginException", "RateLimitException":
            return .misconfigured("\(name) to \(method)")
        default:
            if name.contains("duplicate key value") { return .duplicate }
            let conflicts = ["could not serialize", "could not obtain lock", "deadlock detected"]
            if conflicts.contains(where: name.contains) { return .busy("conflict in \(method)") }
            return .refused(clipped("\(method) failed: \(name)"))
        }
    }

    /// One line of a length fit for a log.
    private static func clipped(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 }.prefix(300))
    }
}
