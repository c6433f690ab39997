internal import Engine

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Calls methods of one Tryton in a session of its own, which it begins anew whenever it has ended.
actor TrytonClient {
    /// Who we are, once logged in.
    struct Session: Equatable {
        var user: Int
        var authorization: String
    }

    private let settings: TrytonSettings
    private let transport: any TrytonTransport
    private let alarm: AlarmClock
    private var session: Session?
    private var lastID = 0

    init(settings: TrytonSettings, transport: any TrytonTransport, alarm: AlarmClock) {
        self.alarm = alarm
        self.settings = settings
        self.transport = transport
    }

    /// Our user's id at Tryton.
    func user(deadline: ContinuousClock.Instant) async throws(TrytonProblem) -> Int {
        try await currentSession(deadline).user
    }

    /// A method that may be repeated: what Tryton rolled back is sent again as long as there is time.
    func call(
        _ method: String, _ arguments: [TrytonValue], deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> TrytonValue {
        var attempt = 0
        while true {
            do {
                return try await callOnce(method, arguments, deadline: deadline)
            } catch {
                guard case .busy = error else { throw error }
                attempt += 1
                guard await pause(beforeAttempt: attempt, deadline: deadline) else { throw error }
            }
        }
    }

    /// A method that is sent once.
    func callOnce(
        _ method: String, _ arguments: [TrytonValue], deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> TrytonValue {
        let used = try await currentSession(deadline)
        do {
            return try await send(method, arguments, used.authorization, deadline)
        } catch {
            guard error == .unauthorized else { throw error }
            // Another call may have begun a new session meanwhile.
            if session == used { session = nil }
            return try await send(method, arguments, try await currentSession(deadline).authorization, deadline)
        }
    }

    /// Waits a little longer each time, at random so that those who collided part. False: there is no time left.
    nonisolated func pause(beforeAttempt attempt: Int, deadline: ContinuousClock.Instant) async -> Bool {
        let end = ContinuousClock.now + .seconds(Double.random(in: 0.05...0.2) * Double(min(attempt, 10)))
        guard end < deadline else { return false }
        await alarm.sleep(until: end)
        return !Task.isCancelled
    }

    func shutDown() async { await transport.shutDown() }

    private func currentSession(_ deadline: ContinuousClock.Instant) async throws(TrytonProblem) -> Session {
        if let session { return session }
        let new = try await logIn(deadline)
        session = new
        return new
    }

    private func logIn(_ deadline: ContinuousClock.Instant) async throws(TrytonProblem) -> Session {
        let arguments: [TrytonValue] = [
            .text(settings.user), ["password": .text(try settings.password.read())], "en",
        ]
        do throws(TrytonProblem) {
            let answer = try await send("common.db.login", arguments, nil, deadline).list
            guard answer.count >= 2, let user = answer[0].integer, let token = answer[1].text else {
                throw .misconfigured("Tryton's answer to the login is not understood")
            }
            let credentials = Data("\(settings.user):\(user):\(token)".utf8).base64EncodedString()
            return Session(user: user, authorization: "Session \(credentials)")
        } catch {
            switch error {
            case .unauthorized: throw .misconfigured("Tryton does not accept the user or the password")
            // Beginning a session in vain has no effect that matters. And to try again at once only makes Tryton, which
            // counts failed logins, wait longer.
            case .noAnswer(let text), .busy(let text): throw .notSent(text)
            default: throw error
            }
        }
    }

    private func send(
        _ method: String, _ arguments: [TrytonValue], _ authorization: String?, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> TrytonValue {
        lastID += 1
        let message: TrytonValue = ["id": .id(lastID), "method": .text(method), "params": .list(arguments)]
        guard let body = try? JSONEncoder().encode(message) else {
            throw .misconfigured("\(method) cannot be written as JSON")
        }
        let latest = ContinuousClock.now + .seconds(settings.requestTimeoutSeconds)
        let response = try await transport.post(
            Array(body), to: settings.endpoint, authorization: authorization, deadline: min(deadline, latest))
        return try response.result(of: method)
    }
}
