internal import Calls
internal import Engine
internal import Inventory
internal import Proto
internal import SwiftProtobuf

/// ListErpWrites and RetryErpWrite: what waits for the ERPs. A write of several lines is shown line by line.
struct ErpWrites {
    let environment: ServiceEnvironment

    func list(
        _ request: Availability_V1_ListErpWritesRequest, directory: LocationDirectory
    ) throws(CallStatus) -> Availability_V1_ListErpWritesResponse {
        let size = try ListFields.pageSize(request.pageSize)
        let after = try ListFields.number(inToken: request.pageToken, ofList: "ListErpWrites") ?? 0
        func matches(_ write: ErpWrite) -> Bool {
            (request.erp.isEmpty || write.work.erp == request.erp)
                && (request.state == .unspecified || Int(write.state.rawValue) == request.state.rawValue)
        }
        var page = ErpOutboxState.Page()
        if request.reservationID.isEmpty {
            let erp = request.erp.isEmpty ? nil : request.erp
            page = environment.outbox.withState { $0.page(after: after, erp: erp, limit: size, where: matches) }
        } else if let id = ReservationID.parse(request.reservationID) {
            page.writes = environment.outbox.withState { $0.writes(of: id.number) }.filter {
                $0.work.reservationID == request.reservationID && matches($0)
            }
        }
        var response = Availability_V1_ListErpWritesResponse()
        response.writes = page.writes.flatMap { Availability_V1_ErpWrite.all($0, directory: directory) }
        if let next = page.next { response.nextPageToken = ListFields.token(next) }
        return response
    }

    /// The decision is in the audit log before anything is tried.
    func retry(
        _ request: Availability_V1_RetryErpWriteRequest, _ call: UnaryCall, _ sink: any ResponseSink
    ) throws(CallStatus) {
        if let problem = TextRules.problem(request.id, bytesMax: 256) { throw .invalidField("id", problem) }
        if let problem = TextRules.problemUnlessEmpty(request.reason, bytesMax: 256) {
            throw .invalidField("reason", problem)
        }
        let parts = request.id.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 2, let parsed = ReservationID.parse(parts[0]) else { throw notFound(request.id) }
        let key = ErpOutboxState.Key(number: parsed.number, erp: parts[1])
        guard let write = environment.outbox.withState({ $0.writes[key] }) else { throw notFound(request.id) }
        if write.state == .sent { throw isSent(request.id) }
        let decision = NotedDecision(
            action: .retryErpWrite, subject: "reservations/\(write.work.reservationID)/erps/\(write.work.erp)",
            channel: write.work.channel, actor: call.context.actor, reason: request.reason,
            requestID: call.context.requestID)
        let directory = call.reads.stock.state.directory
        let refusal = environment.engine.submit(.note(tenant: environment.tenant, decision)) { reply in
            if case .failed(let error) = reply { return sink.finish(error.callStatus) }
            do throws(CallStatus) {
                sink.succeed(with: try retry(key, calledBy: request.id, directory))
            } catch {
                sink.finish(error)
            }
        }
        if let refusal { throw refusal.callStatus }
    }

    private func retry(
        _ key: ErpOutboxState.Key, calledBy id: String, _ directory: LocationDirectory
    ) throws(CallStatus) -> Availability_V1_RetryErpWriteResponse {
        let now = environment.clock.nowNanoseconds
        let (isThere, isRetried, write) = environment.outbox.withState { state in
            let isThere = state.writes[key] != nil
            let isRetried = state.retry(key, nowNanoseconds: now)
            return (isThere, isRetried, state.writes[key])
        }
        guard isThere, let write else { throw notFound(id) }
        guard isRetried else { throw isSent(id) }
        environment.outbox.wake()
        let shown = Availability_V1_ErpWrite.all(write, directory: directory)
        var response = Availability_V1_RetryErpWriteResponse()
        response.write = shown.first { $0.id == id } ?? shown.first ?? Availability_V1_ErpWrite()
        return response
    }

    private func isSent(_ id: String) -> CallStatus {
        .failure(
            .failedPrecondition, .erpWriteSent, "\(id) is being sent; its answer is awaited", metadata: ["id": id])
    }

    private func notFound(_ id: String) -> CallStatus {
        .failure(.notFound, .erpWriteNotFound, "no write to an ERP is called \(id)", metadata: ["id": id])
    }
}

extension Availability_V1_ErpWrite {
    static func all(_ write: ErpWrite, directory: LocationDirectory) -> [Availability_V1_ErpWrite] {
        write.work.lines.map { line in
            var shown = Availability_V1_ErpWrite()
            shown.id = "\(write.id)/\(line.lineID)"
            shown.erp = write.work.erp
            shown.kind = .init(rawValue: Int(write.work.kind.rawValue)) ?? .unspecified
            shown.state = .init(rawValue: Int(write.state.rawValue)) ?? .unspecified
            shown.reservationID = write.work.reservationID
            shown.reservationLine = line.lineID
            shown.sku = line.sku
            shown.location = directory.location(line.location)?.id ?? ""
            shown.quantity = line.quantity
            shown.erpReference = write.work.erpReference
            shown.attempts = write.attempts
            if let next = write.nextAttemptNanoseconds { shown.nextAttemptTime = .init(wallNanoseconds: next) }
            shown.lastError = write.lastError
            shown.createTime = .init(wallNanoseconds: write.createTimeNanoseconds)
            shown.updateTime = .init(wallNanoseconds: write.updateTimeNanoseconds)
            shown.reservationState = .init(rawValue: Int(write.work.reservationState.rawValue)) ?? .unspecified
            return shown
        }
    }
}
