internal import Calls
internal import Engine
internal import Feeds
internal import Inventory
internal import Proto
internal import SwiftProtobuf

/// ListPublications, PausePublication and ResumePublication of the OperationsService. What a person decides is in the audit log
/// before it is answered.
struct PublicationCalls {
    private static let reasonBytesMax = 256

    let environment: ServiceEnvironment

    var methods: [ServiceMethod] {
        let service = OperationsService.name
        return [
            .unary(service, "ListPublications", Availability_V1_ListPublicationsRequest.self) {
                request, _, sink throws(CallStatus) in
                let page = try Page(size: request.pageSize, token: request.pageToken)
                let all = environment.publications.conditions.sorted { $0.id < $1.id }
                let (conditions, next) = page.take(from: all, id: \.id)
                var response = Availability_V1_ListPublicationsResponse()
                response.publications = conditions.map { Availability_V1_Publication($0) }
                response.nextPageToken = next
                sink.succeed(with: response)
            },
            .unary(service, "PausePublication", Availability_V1_PausePublicationRequest.self) {
                request, call, sink throws(CallStatus) in
                let publication = try publication(request.id)
                if let problem = TextRules.problem(request.reason, bytesMax: Self.reasonBytesMax) {
                    throw .invalidField("reason", problem)
                }
                let pause = PublicationPause(
                    reason: request.reason, actor: call.context.actor, timeNanoseconds: environment.now())
                try decide(.pause, publication, request.reason, call.context, sink) {
                    environment.publications.pause(publication.id, pause)
                    var response = Availability_V1_PausePublicationResponse()
                    if let now = environment.publications.condition(of: publication.id) {
                        response.publication = .init(now)
                    }
                    return response
                }
            },
            .unary(service, "ResumePublication", Availability_V1_ResumePublicationRequest.self) {
                request, call, sink throws(CallStatus) in
                let publication = try publication(request.id)
                if let problem = TextRules.problemUnlessEmpty(request.reason, bytesMax: Self.reasonBytesMax) {
                    throw .invalidField("reason", problem)
                }
                try decide(.resume, publication, request.reason, call.context, sink) {
                    environment.publications.resume(publication.id)
                    var response = Availability_V1_ResumePublicationResponse()
                    if let now = environment.publications.condition(of: publication.id) {
                        response.publication = .init(now)
                    }
                    return response
                }
            },
        ]
    }

    private func publication(_ id: String) throws(CallStatus) -> PublicationCondition {
        if let problem = TextRules.problem(id, bytesMax: Limits.nameBytesMax) { throw .invalidField("id", problem) }
        guard let publication = environment.publications.condition(of: id) else {
            throw .failure(
                .notFound, .publicationNotFound, "no publication is called \(id)", metadata: ["publication": id])
        }
        return publication
    }

    /// `done` is called on the writer's thread after the commit, so that decisions take effect in the order of the log.
    private func decide(
        _ action: PublicationDecision.Action, _ publication: PublicationCondition, _ reason: String,
        _ context: CallContext, _ sink: any ResponseSink, done: @escaping @Sendable () -> some Message
    ) throws(CallStatus) {
        let decision = PublicationDecision(
            publication: publication.id, channel: publication.channel, action: action, reason: reason,
            actor: context.actor, requestID: context.requestID)
        let command = EngineCommand.publication(tenant: environment.tenant, .decide(decision))
        let refusal = environment.engine.submit(command) { reply in
            if case .failed(let error) = reply { return sink.finish(error.callStatus) }
            sink.succeed(with: done())
        }
        if let refusal { throw refusal.callStatus }
    }
}

extension Availability_V1_Publication {
    init(_ condition: PublicationCondition) {
        self.init()
        id = condition.id
        channel = condition.channel
        kind = .init(rawValue: condition.kind.rawValue) ?? .unspecified
        state = .init(rawValue: condition.state.rawValue) ?? .unspecified
        target = condition.target
        acknowledgedSequence = condition.acknowledgedSequence
        waiting = UInt64(condition.waiting)
        told = condition.told
        givenUp = condition.givenUp
        lastError = condition.lastError
        if let time = condition.lastErrorNanoseconds { lastErrorTime = .init(wallNanoseconds: time) }
        pauseReason = condition.pauseReason
    }
}
