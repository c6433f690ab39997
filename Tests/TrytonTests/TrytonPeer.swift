import Erp
import Foundation
import Inventory
import Synchronization
import Testing

@testable import Tryton

/// The real Tryton that scripts/erp-up.sh starts, when the environment says where it is.
struct TrytonPeer {
    static let isThere = ProcessInfo.processInfo.environment["TRYTON_URL"] != nil

    let settings: TrytonSettings
    let transport: DisturbedTransport
    let adapter: TrytonAdapter
    /// Unique for this run and test.
    let id = "r-test-\(String(UInt64.random(in: 0 ... .max), radix: 32))"

    init(requestTimeoutSeconds: Int = 10) throws {
        var settings = try Self.settings(
            user: Self.variable("TRYTON_USER"), password: Self.variable("TRYTON_PASSWORD_FILE"))
        settings.requestTimeoutSeconds = requestTimeoutSeconds
        self.settings = settings
        transport = DisturbedTransport()
        adapter = TrytonAdapter(settings, transport: transport, alarm: alarm)
    }

    static func variable(_ name: String) throws -> String {
        try #require(ProcessInfo.processInfo.environment[name], "\(name) is not set")
    }

    static func settings(user: String, password: String) throws -> TrytonSettings {
        TrytonSettings(
            url: try variable("TRYTON_URL"), database: try variable("TRYTON_DATABASE"), user: user,
            password: .file(password), company: "Distributor", customer: "RESERVATIONS",
            warehouses: ["WH1": "WH1", "WH2": "WH2"])
    }

    /// Enough for a Tryton that has just been started.
    var deadline: ContinuousClock.Instant { .now + .seconds(60) }

    /// A hold of one line for each quantity, all of one sku.
    func hold(
        _ sku: String, _ quantities: [Int64], at locations: [String] = ["WH1"], name: String = "",
        reference: String = ""
    ) -> ErpHold {
        let lines = quantities.enumerated().map { index, quantity in
            ErpHoldLine(
                lineID: UInt32(index + 1), sku: sku, location: locations[index % locations.count], quantity: quantity)
        }
        return ErpHold(
            reservationID: id + name, channel: "web", customer: "", orderReference: "", allowsPartial: false,
            lines: lines, erpReference: reference)
    }

    func position(_ sku: String, at location: String = "WH1") async throws -> ErpPosition {
        let page = try await adapter.readPositions(
            locations: [location], after: String(sku.dropLast()), limit: 100, deadline: deadline)
        return try #require(page.positions.first { $0.sku == sku })
    }

    /// A person of the warehouse does something with the shipments of a hold.
    func clerk(_ methods: String..., to hold: ErpHold) async throws {
        let settings = try Self.settings(user: "clerk", password: Self.variable("TRYTON_CLERK_PASSWORD_FILE"))
        let clerk = TrytonAdapter(settings, alarm: alarm)
        let company = try await clerk.book.company(deadline: deadline)
        let ids = try await clerk.find([hold], company.context, deadline)
            .flatMap { $0.lines.compactMap(\.shipment?.id) }
        for method in methods { try await clerk.shipmentCall(method, ids, company.context, deadline) }
        await clerk.shutDown()
    }

    /// What a look-up says, once Tryton answers.
    func lookUpUntilAnswered(_ hold: ErpHold) async throws -> [ErpReply] {
        while true {
            if let replies = try? await adapter.lookUp([hold], deadline: deadline) {
                if case .retry = replies[0] {} else { return replies }
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// A signal to trytond.
    func signal(_ signal: Int32) throws {
        let directory = try Self.variable("ERP_DIRECTORY")
        let text = try String(contentsOfFile: directory + "/trytond.pid", encoding: .utf8)
        kill(try #require(Int32(text.split(separator: "\n").first ?? "")), signal)
    }

    /// Starts it again where it was killed.
    func start() throws {
        try run(Self.root.appendingPathComponent("scripts/erp-up.sh").path, [])
    }

    /// Changes its database behind its back.
    func sql(_ text: String) throws {
        let directory = try Self.variable("ERP_DIRECTORY")
        let password = try String(contentsOfFile: directory + "/postgres.password", encoding: .utf8)
        try run(
            "/usr/bin/psql",
            [
                "-q", "-h", "127.0.0.1", "-p", try Self.variable("ERP_POSTGRES_PORT"), "-U", "tryton",
                "-d", settings.database, "-v", "ON_ERROR_STOP=1", "-c", text,
            ], ["PGPASSWORD": String(password.prefix { !$0.isNewline })])
    }

    static var root: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent()
    }

    private func run(_ program: String, _ arguments: [String], _ variables: [String: String] = [:]) throws {
        let process = Process()
        process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }
}

/// The real way to Tryton, and what may happen on it.
final class DisturbedTransport: TrytonTransport {
    enum Disturbance: Sendable {
        /// Happens instead of the call.
        case before(@Sendable () throws -> Void)
        /// Tryton answers, and we do not hear it.
        case lostAnswer
    }

    private let real = HTTPTransport()
    private let disturbances = Mutex<[String: Disturbance]>([:])

    /// Disturbs the next call of a method of shipments, once.
    func disturb(_ method: String, _ disturbance: Disturbance) {
        disturbances.withLock { $0["model.stock.shipment.out.\(method)"] = disturbance }
    }

    func post(
        _ body: [UInt8], to url: String, authorization: String?, deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> TrytonResponse {
        let message = (try? JSONDecoder().decode(TrytonValue.self, from: Data(body))) ?? .null
        let disturbance = disturbances.withLock { $0.removeValue(forKey: message["method"].text ?? "") }
        if case .before(let action) = disturbance {
            do { try action() } catch { throw .misconfigured("\(error)") }
        }
        let response = try await real.post(body, to: url, authorization: authorization, deadline: deadline)
        if case .lostAnswer = disturbance { throw .noAnswer("lost") }
        return response
    }

    func shutDown() async { await real.shutDown() }
}

extension [ErpReply] {
    /// The quantities held of each hold's lines; nil for a hold that has another reply.
    var quantities: [[Int64]?] {
        map { reply in
            guard case .answer(.holds(let lines)) = reply else { return nil }
            return lines.map(\.quantity)
        }
    }
}
