internal import Calls
internal import Engine
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// availability.v1.ReservationService: holds, and what becomes of them.
struct ReservationService {
    static let name = "availability.v1.ReservationService"

    let environment: ServiceEnvironment

    var methods: [ServiceMethod] {
        [
            .unary(Self.name, "CreateReservation", Availability_V1_CreateReservationRequest.self) {
                request, call, sink throws(CallStatus) in
                try create(request, call, sink)
            },
            .unary(Self.name, "GetReservation", Availability_V1_GetReservationRequest.self) {
                request, call, sink throws(CallStatus) in
                var response = Availability_V1_GetReservationResponse()
                response.reservation = try get(request.id, call.reads)
                sink.succeed(with: response)
            },
            .unary(Self.name, "ListReservations", Availability_V1_ListReservationsRequest.self) {
                request, call, sink throws(CallStatus) in
                let list = try ReservationList(request, state: call.reads.stock.state)
                sink.succeed(with: try list.page(call.reads, clock: environment.clock))
            },
            .unary(Self.name, "ExtendReservation", Availability_V1_ExtendReservationRequest.self) {
                request, call, sink throws(CallStatus) in
                try extend(request, call, sink)
            },
            .unary(Self.name, "CommitReservation", Availability_V1_CommitReservationRequest.self) {
                request, call, sink throws(CallStatus) in
                try commit(request, call, sink)
            },
            .unary(Self.name, "ReleaseReservation", Availability_V1_ReleaseReservationRequest.self) {
                request, call, sink throws(CallStatus) in
                try release(request, call, sink)
            },
            watch,
        ]
    }

    private func create(
        _ request: Availability_V1_CreateReservationRequest, _ call: UnaryCall, _ sink: any ResponseSink
    ) throws(CallStatus) {
        var reader = ReservationReader(state: call.reads.stock.state)
        let wish = reader.read(request)
        let identity = reader.identity(request.requestID, of: request, call.context) { $0.requestID = "" }
        try reader.finish()
        let entry = try channel(wish.channelID, call.reads)
        guard entry.throttle.tryEnter() else {
            entry.countThrottled()
            throw .rateLimited(
                channel: wish.channelID, quota: "calls in flight (\(entry.channel.policy.throttle.callsInFlightMax))",
                retryAfterNanoseconds: 10 * .perMillisecond)
        }
        let board = environment.board
        let refusal: EngineError?
        do throws(CallStatus) {
            try admit(entry)
            refusal = environment.engine.submit(
                .reserve(tenant: environment.tenant, wish, identity), answerByNanoseconds: answerBy(call.context)
            ) { reply in
                entry.throttle.leave()
                Self.answer(reply, to: sink, board, Availability_V1_CreateReservationResponse.self)
            }
        } catch {
            entry.throttle.leave()
            throw error
        }
        if let refusal {
            entry.throttle.leave()
            throw refusal.callStatus
        }
    }

    private func admit(_ entry: ChannelEntry) throws(CallStatus) {
        guard
            case .retryAfter(let nanoseconds) = entry.throttle.admitReservation(
                nowNanoseconds: environment.monotonicNow())
        else { return }
        entry.countThrottled()
        throw .rateLimited(
            channel: entry.channel.id,
            quota: "reservations per second (\(entry.channel.policy.throttle.reservationsPerSecond))",
            retryAfterNanoseconds: nanoseconds)
    }

    private func extend(
        _ request: Availability_V1_ExtendReservationRequest, _ call: UnaryCall, _ sink: any ResponseSink
    ) throws(CallStatus) {
        var reader = ReservationReader(state: call.reads.stock.state)
        let ttl = reader.ttl(request.hasTtl ? request.ttl : nil)
        let identity = reader.identity(request.requestID, of: request, call.context) { $0.requestID = "" }
        let id = reader.id(request.id)
        try reader.finish()
        try change(
            id, request.id, expectedVersion: nil, .extend(ttlNanoseconds: ttl), identity, call, sink,
            Availability_V1_ExtendReservationResponse.self)
    }

    private func commit(
        _ request: Availability_V1_CommitReservationRequest, _ call: UnaryCall, _ sink: any ResponseSink
    ) throws(CallStatus) {
        var reader = ReservationReader(state: call.reads.stock.state)
        let quantities = reader.quantities(request.lines)
        reader.text(request.orderReference, "order_reference", bytesMax: Limits.idBytesMax)
        let identity = reader.identity(request.requestID, of: request, call.context) { $0.requestID = "" }
        let id = reader.id(request.id)
        try reader.finish()
        try change(
            id, request.id, expectedVersion: request.hasExpectedVersion ? request.expectedVersion : nil,
            .commit(quantities, reacquires: request.reacquire, orderReference: request.orderReference), identity,
            call, sink,
            Availability_V1_CommitReservationResponse.self)
    }

    private func release(
        _ request: Availability_V1_ReleaseReservationRequest, _ call: UnaryCall, _ sink: any ResponseSink
    ) throws(CallStatus) {
        var reader = ReservationReader(state: call.reads.stock.state)
        let quantities = reader.quantities(request.lines)
        reader.text(request.reason, "reason", bytesMax: 256)
        var identity = reader.identity(request.requestID, of: request, call.context) { $0.requestID = "" }
        // The history has one text for each transition; a caller's reason says more than the request's id.
        if !request.reason.isEmpty { identity.correlationID = "\(request.requestID): \(request.reason)" }
        let id = reader.id(request.id)
        try reader.finish()
        try change(
            id, request.id, expectedVersion: request.hasExpectedVersion ? request.expectedVersion : nil,
            .release(quantities), identity, call, sink,
            Availability_V1_ReleaseReservationResponse.self)
    }

    private func change<Response: ReservationResponse>(
        _ id: (number: ReservationNumber, epoch: UInt64)?, _ text: String, expectedVersion: UInt64?,
        _ kind: ReservationChangeKind, _ identity: RequestIdentity, _ call: UnaryCall, _ sink: any ResponseSink,
        _ response: Response.Type
    ) throws(CallStatus) {
        guard let id else { throw EngineError.reservationNotFound(text).callStatus }
        let wish = ReservationChangeWish(
            number: id.number, epoch: id.epoch, expectedVersion: expectedVersion, kind: kind)
        let board = environment.board
        let refusal = environment.engine.submit(
            .change(tenant: environment.tenant, wish, identity), answerByNanoseconds: answerBy(call.context)
        ) { reply in
            Self.answer(reply, to: sink, board, response)
        }
        if let refusal { throw refusal.callStatus }
    }

    /// On the writer's thread, once it is on disk and, where that was waited for, the ERP has decided.
    private static func answer<Response: ReservationResponse>(
        _ reply: EngineReply, to sink: any ResponseSink, _ board: StateBoard, _: Response.Type
    ) {
        switch reply {
        case .reserved(let reserved):
            sink.finish {
                var response = Response()
                response.reservation = Availability_V1_Reservation(
                    reserved.reservation, directory: board.state.directory, withHistory: true)
                response.sequence = reserved.sequence
                response.epoch = reserved.epoch
                return (try? response.serializedBytes()) ?? []
            }
        case .failed(let error): sink.finish(error.callStatus)
        case .published, .channel, .seeded, .erpTaken, .deadLetters:
            sink.finish(EngineError.invariantBroken("wrong reply").callStatus)
        }
    }

    private func get(_ id: String, _ reads: LoopReads) throws(CallStatus) -> Availability_V1_Reservation {
        if let problem = TextRules.problem(id, bytesMax: Limits.idBytesMax) { throw .invalidField("id", problem) }
        guard let parsed = ReservationID.parse(id) else { throw EngineError.reservationNotFound(id).callStatus }
        try reads.requireSnapshot()
        let found: Reservation?
        do throws(LedgerError) {
            found = try reads.stock.reservation(number: parsed.number, epoch: parsed.epoch)
        } catch {
            throw error.callStatus
        }
        guard let found else { throw EngineError.reservationNotFound(id).callStatus }
        return Availability_V1_Reservation(
            found.asOf(environment.clock.nowNanoseconds), directory: reads.stock.state.directory, withHistory: true)
    }

    private func channel(_ id: String, _ reads: LoopReads) throws(CallStatus) -> ChannelEntry {
        guard let entry = reads.stock.state.channel(id) else { throw .channelNotFound(id) }
        return entry
    }

    /// When the answer must be on its way though the ERP has not decided: a little before the caller gives up.
    private func answerBy(_ context: CallContext) -> Int64 {
        let now = environment.monotonicNow()
        guard let deadline = context.deadlineNanoseconds.map({ Int64(clamping: $0) }) else {
            return now + Self.waitMaxNanoseconds
        }
        let margin = min(50 * .perMillisecond, max(0, deadline - now) / 5)
        return min(deadline - margin, now + Self.waitMaxNanoseconds)
    }

    /// For callers without a deadline.
    private static let waitMaxNanoseconds: Int64 = 60 * .perSecond
}

/// What every call that changes a reservation answers.
private protocol ReservationResponse: Message {
    var reservation: Availability_V1_Reservation { get set }
    var sequence: UInt64 { get set }
    var epoch: UInt64 { get set }
}

extension Availability_V1_CreateReservationResponse: ReservationResponse {}
extension Availability_V1_ExtendReservationResponse: ReservationResponse {}
extension Availability_V1_CommitReservationResponse: ReservationResponse {}
extension Availability_V1_ReleaseReservationResponse: ReservationResponse {}
