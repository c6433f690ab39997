internal import Calls
internal import Engine
internal import Feeds
internal import Inventory
internal import Proto
internal import SwiftProtobuf

/// PauseFeed, ResumeFeed and ReplayFeed of the OperationsService. What a person decides is in the audit log before it is
/// answered.
struct FeedCalls {
    private static let reasonBytesMax = 256
    static let positionBytesMax = 256

    let environment: ServiceEnvironment

    var methods: [ServiceMethod] {
        let service = OperationsService.name
        return [
            .unary(service, "PauseFeed", Availability_V1_PauseFeedRequest.self) {
                request, call, sink throws(CallStatus) in
                let feed = try feed(request.id)
                let reason = try reason(request.reason, isRequired: true)
                let actor = call.context.actor
                let pause = FeedPause(
                    feed: feed.id, reason: reason, actor: actor, timeNanoseconds: environment.now())
                try decide(.pause, feed.id, reason, call.context, sink) {
                    environment.feeds.pause(feed.id, pause)
                    var response = Availability_V1_PauseFeedResponse()
                    if let feed = environment.feeds.condition(of: feed.id) { response.feed = .init(feed) }
                    return response
                }
            },
            .unary(service, "ResumeFeed", Availability_V1_ResumeFeedRequest.self) {
                request, call, sink throws(CallStatus) in
                let feed = try feed(request.id)
                let reason = try reason(request.reason)
                try decide(.resume, feed.id, reason, call.context, sink) {
                    environment.feeds.resume(feed.id)
                    var response = Availability_V1_ResumeFeedResponse()
                    if let feed = environment.feeds.condition(of: feed.id) { response.feed = .init(feed) }
                    return response
                }
            },
            ServiceMethod(MethodDescriptor(service: service, name: "ReplayFeed", kind: .serverStreaming)) {
                context, _, sink in
                UnaryReceiver { receiver, bytes in
                    do throws(CallStatus) {
                        let request = try decode(Availability_V1_ReplayFeedRequest.self, from: bytes)
                        let replay = try replay(request, context, sink)
                        receiver.onCancelled = { _ in replay.cancel() }
                    } catch {
                        sink.finish(error)
                    }
                }
            },
        ]
    }

    private func replay(
        _ request: Availability_V1_ReplayFeedRequest, _ context: CallContext, _ sink: any ResponseSink
    ) throws(CallStatus) -> FeedReplay {
        let feed = try feed(request.id)
        let reason = try reason(request.reason)
        let start = try start(of: request)
        let stream = FeedReplayStream(sink: sink, monotonicNow: environment.monotonicNow)
        let replay: FeedReplay
        do throws(FeedReplayRefusal) {
            replay = try environment.feeds.replay(feed.id, from: start, tell: stream.tell)
        } catch {
            throw error.callStatus(feed: feed.id)
        }
        let decision = FeedDecision(
            feed: feed.id, action: .replay, reason: reason, actor: context.actor, requestID: context.requestID)
        // What is not in the audit log must not go on.
        let refusal = environment.engine.submit(.decideFeed(tenant: environment.tenant, decision)) { reply in
            guard case .failed(let error) = reply else { return stream.note() }
            stream.fail(error.callStatus)
            replay.cancel()
        }
        if let refusal {
            replay.cancel()
            throw refusal.callStatus
        }
        return replay
    }

    private func start(of request: Availability_V1_ReplayFeedRequest) throws(CallStatus) -> ReplayStart {
        switch request.from {
        case .fromTime(let time):
            guard let time = time.wallNanoseconds else {
                throw .invalidField("from_time", "must be a time of the years 1970 to 2262")
            }
            return .time(time)
        case .fromPosition(let position):
            if let problem = TextRules.problem(position, bytesMax: Self.positionBytesMax) {
                throw .invalidField("from_position", problem)
            }
            return .position(position)
        case nil: throw .invalidField("from_time", "this or from_position is required")
        }
    }

    private func feed(_ id: String) throws(CallStatus) -> FeedCondition {
        if let problem = TextRules.problem(id, bytesMax: Limits.nameBytesMax) { throw .invalidField("id", problem) }
        guard let feed = environment.feeds.condition(of: id) else {
            throw FeedReplayRefusal.feedNotFound.callStatus(feed: id)
        }
        return feed
    }

    private func reason(_ reason: String, isRequired: Bool = false) throws(CallStatus) -> String {
        let problem =
            isRequired
            ? TextRules.problem(reason, bytesMax: Self.reasonBytesMax)
            : TextRules.problemUnlessEmpty(reason, bytesMax: Self.reasonBytesMax)
        if let problem { throw .invalidField("reason", problem) }
        return reason
    }

    /// `done` is called on the writer's thread after the commit, so that decisions take effect in the order of the log.
    private func decide(
        _ action: FeedDecision.Action, _ feed: String, _ reason: String, _ context: CallContext,
        _ sink: any ResponseSink, done: @escaping @Sendable () -> some Message
    ) throws(CallStatus) {
        let decision = FeedDecision(
            feed: feed, action: action, reason: reason, actor: context.actor, requestID: context.requestID)
        let refusal = environment.engine.submit(.decideFeed(tenant: environment.tenant, decision)) { reply in
            if case .failed(let error) = reply { return sink.finish(error.callStatus) }
            sink.succeed(with: done())
        }
        if let refusal { throw refusal.callStatus }
    }
}

extension FeedReplayRefusal {
    fileprivate func callStatus(feed: String) -> CallStatus {
        let (code, reason, message): (StatusCode, ErrorReason, String) =
            switch self {
            case .feedNotFound: (.notFound, .feedNotFound, "no feed is called \(feed)")
            case .notReplayable:
                (.failedPrecondition, .feedNotReplayable, "\(feed) has no past that it could read again")
            case .running: (.failedPrecondition, .replayRunning, "a replay of \(feed) has not ended")
            }
        return .failure(code, reason, message, metadata: ["feed": feed])
    }
}

extension Availability_V1_Feed {
    init(_ condition: FeedCondition) {
        self.init()
        id = condition.id
        kind = .init(rawValue: condition.kind.rawValue) ?? .unspecified
        state = .init(rawValue: condition.state.rawValue) ?? .unspecified
        position = condition.position?.text ?? ""
        if let time = condition.position?.timeNanoseconds, time > 0 { positionTime = .init(wallNanoseconds: time) }
        waiting = condition.waiting
        if let lag = condition.lagNanoseconds { self.lag = .init(nanosecondCount: lag) }
        lastError = condition.lastError
        if let time = condition.lastErrorNanoseconds { lastErrorTime = .init(wallNanoseconds: time) }
        restarts = condition.restarts
        pauseReason = condition.pauseReason
        canReplay = condition.canReplay
    }
}
