public import Engine
public import Erp
internal import Inventory

/// Holds stock in Tryton 8.0 by customer shipments: created, made to wait, assigned. An assigned shipment is stock that
/// nobody else is given; cancelling it lets go.
///
/// Of the four calls that a reserve takes only `assign_try` holds anything, and it only acts on shipments that wait.
/// So whoever finds a shipment unfinished and cancels it has made sure that nothing sent earlier can hold stock later.
///
/// The user needs the group Stock, and should not have the one that may cancel what is done.
public struct TrytonAdapter: ErpAdapter {
    let client: TrytonClient
    let book: TrytonBook
    public let capabilities: ErpCapabilities

    /// - Parameter alarm: to pause by before a call is repeated.
    public init(_ settings: TrytonSettings, alarm: AlarmClock) {
        self.init(settings, transport: HTTPTransport(), alarm: alarm)
    }

    init(_ settings: TrytonSettings, transport: any TrytonTransport, alarm: AlarmClock) {
        client = TrytonClient(settings: settings, transport: transport, alarm: alarm)
        book = TrytonBook(client: client, settings: settings)
        capabilities = Self.capabilities(requestTimeoutSeconds: settings.requestTimeoutSeconds)
    }

    public static func capabilities(requestTimeoutSeconds: Int) -> ErpCapabilities {
        ErpCapabilities(
            // Even with the unique index of scripts/erp, which an ERP that is not ours may lack.
            isIdempotent: false, isAtomic: true, allowsPartial: false, takesCommits: false, batchMax: 20,
            // Tryton itself repeats what conflicts, for some 5 s, whether or not anybody still listens.
            latestEffectSeconds: requestTimeoutSeconds + 10,
            // It assigns lots by its own rules, so a hold on one could end as a hold on another.
            takesLots: false)
    }

    /// Closes the connections; the last call.
    public func shutDown() async { await client.shutDown() }

    public func checkHealth(deadline: ContinuousClock.Instant) async throws(ErpFailure) {
        do {
            _ = try await book.company(deadline: deadline)
            _ = try await client.call("model.res.user.get_preferences", [true, [:]], deadline: deadline)
        } catch { throw error.failure }
    }

    /// Tryton hears of orders by its own ways: a commit only finds out what is held.
    public func commit(_ holds: [ErpHold], deadline: ContinuousClock.Instant) async throws(ErpFailure) -> [ErpReply] {
        try await lookUp(holds, deadline: deadline)
    }
}

// What all calls are made of.
extension TrytonAdapter {
    func shipmentCall(
        _ method: String, _ ids: [Int], _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) {
        guard !ids.isEmpty else { return }
        _ = try await client.call("model.stock.shipment.out.\(method)", [.ids(ids), context], deadline: deadline)
    }

    /// Every shipment under the holds' references, cancelled ones as well.
    func find(
        _ holds: [ErpHold], _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [HoldFinding] {
        let references = holds.flatMap { hold in
            hold.lines.map { ShipmentReference(reservationID: hold.reservationID, lineID: $0.lineID).text }
        }
        let user = try await client.user(deadline: deadline)
        let found = try await shipments([["reference", "in", .texts(references)]], context, deadline)
        let byReference = Dictionary(grouping: found, by: \.reference)
        return holds.map { HoldFinding($0, shipments: byReference, user: user) }
    }

    func shipments(
        _ domain: TrytonValue, _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [Shipment] {
        let records = try await client.call(
            "model.stock.shipment.out.search_read",
            [domain, 0, nil, [["id", "ASC"]], Shipment.fields, context], deadline: deadline
        ).list
        let shipments = records.compactMap(Shipment.init)
        guard shipments.count == records.count else { throw .misconfigured("Tryton's shipments are not understood") }
        return shipments
    }

    /// Cancels shipments, all in one transaction. Of what is cancelled already, or has left meanwhile, Tryton refuses
    /// to hear: then one by one, and the answer is false.
    @discardableResult
    func letGo(
        _ ids: [Int], _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> Bool {
        do {
            try await shipmentCall("cancel", ids, context, deadline)
            return true
        } catch {
            guard case .refused = error else { throw error }
            let open = try await shipments([["id", "in", .ids(ids)]], context, deadline).filter(\.isOpen)
            guard ids.count > 1 || open.isEmpty else { throw error }
            for shipment in open { try await letGo([shipment.id], context, deadline) }
            return false
        }
    }
}
