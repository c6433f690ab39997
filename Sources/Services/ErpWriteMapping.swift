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
        guard (0...1_000).contains(request.pageSize) else {
            throw .invalidField("page_size", "must be 0 to 1000, is \(request.pageSize)")
        }
        let size = request.pageSize == 0 ? 100 : Int(request.pageSize)
        guard let after = request.pageToken.isEmpty ? 0 : UInt64(request.pageToken, radix: 32) else {
            throw .invalidField("page_token", "is not a token of ListErpWrites")
        }
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
        if let next = page.next { response.nextPageToken = String(next, radix: 32) }
        return response
    }

    func retry(
        _ request: Availability_V1_RetryErpWriteRequest, directory: LocationDirectory
    ) throws(CallStatus) -> Availability_V1_RetryErpWriteResponse {
        if let problem = TextRules.problem(request.id, bytesMax: 256) { throw .invalidField("id", problem) }
        if let problem = TextRules.problemUnlessEmpty(request.reason, bytesMax: 256) {
            throw .invalidField("reason", problem)
        }
        let parts = request.id.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 2, let parsed = ReservationID.parse(parts[0]) else { throw notFound(request.id) }
        let key = ErpOutboxState.Key(number: parsed.number, erp: parts[1])
        let now = environment.clock.nowNanoseconds
        let (isThere, isRetried, write) = environment.outbox.withState { state in
            let isThere = state.writes[key] != nil
            let isRetried = state.retry(key, nowNanoseconds: now)
            return (isThere, isRetried, state.writes[key])
        }
        guard isThere, let write else { throw notFound(request.id) }
        guard isRetried else {
            throw .failure(
                .failedPrecondition, .erpWriteSent, "\(request.id) is being sent; its answer is awaited",
                metadata: ["id": request.id])
        }
        environment.outbox.wake()
        let shown = Availability_V1_ErpWrite.all(write, directory: directory)
        var response = Availability_V1_RetryErpWriteResponse()
        response.write = shown.first { $0.id == request.id } ?? shown.first ?? Availability_V1_ErpWrite()
        return response
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
