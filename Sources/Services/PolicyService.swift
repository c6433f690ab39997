internal import Calls
internal import Engine
internal import Inventory
internal import Proto
internal import SwiftProtobuf

/// availability.v1.PolicyService: what channels may sell, and changing it.
struct PolicyService {
    static let name = "availability.v1.PolicyService"

    let engine: EngineThread
    let tenant: TenantNumber

    var methods: [ServiceMethod] {
        [
            .unary(Self.name, "ListChannels", Availability_V1_ListChannelsRequest.self) {
                request, call, sink throws(CallStatus) in
                let page = try Page(size: request.pageSize, token: request.pageToken)
                let channels = call.reads.stock.state.channels
                let (entries, next) = page.take(from: channels, id: \.channel.id)
                var response = Availability_V1_ListChannelsResponse()
                response.channels = entries.map { Availability_V1_Channel($0.channel) }
                response.nextPageToken = next
                sink.succeed(with: response)
            },
            .unary(Self.name, "GetChannel", Availability_V1_GetChannelRequest.self) {
                request, call, sink throws(CallStatus) in
                if let problem = TextRules.problem(request.id, bytesMax: Limits.nameBytesMax) {
                    throw .invalidField("id", problem)
                }
                guard let entry = call.reads.stock.state.channel(request.id) else {
                    throw .channelNotFound(request.id)
                }
                var response = Availability_V1_GetChannelResponse()
                response.channel = Availability_V1_Channel(entry.channel)
                sink.succeed(with: response)
            },
            .unary(Self.name, "UpdateChannel", Availability_V1_UpdateChannelRequest.self) {
                request, call, sink throws(CallStatus) in
                try update(request, call.context, sink)
            },
            .unimplemented(Self.name, "ListAllocations"),
            .unimplemented(Self.name, "SetAllocation"),
            .unimplemented(Self.name, "TransferAllocation"),
            .unimplemented(Self.name, "SimulatePolicy"),
        ]
    }

    private func update(
        _ request: Availability_V1_UpdateChannelRequest, _ context: CallContext, _ sink: any ResponseSink
    ) throws(CallStatus) {
        var violations: [FieldViolation] = []
        if !request.hasChannel { violations.append(FieldViolation(field: "channel", description: "is required")) }
        if !request.channel.hasPolicy {
            violations.append(FieldViolation(field: "channel.policy", description: "is required"))
        }
        if let problem = TextRules.problem(request.channel.id, bytesMax: Limits.nameBytesMax) {
            violations.append(FieldViolation(field: "channel.id", description: problem))
        }
        if request.channel.displayName.utf8.count > Limits.displayNameBytesMax {
            violations.append(
                FieldViolation(
                    field: "channel.display_name", description: "at most \(Limits.displayNameBytesMax) bytes"))
        }
        if request.reason.utf8.count > 256 {
            violations.append(FieldViolation(field: "reason", description: "at most 256 bytes"))
        }
        var reader = PolicyReader()
        let policy = reader.read(request.channel.policy)
        violations += reader.violations
        if !violations.isEmpty { throw .invalidFields(violations) }
        let update = ChannelUpdate(
            channelID: request.channel.id, displayName: request.channel.displayName, policy: policy,
            etag: request.etag.isEmpty ? request.channel.etag : request.etag, allowMissing: request.allowMissing,
            validateOnly: request.validateOnly, actor: context.actor, reason: request.reason,
            requestID: context.requestID)
        let refusal = engine.submit(.updateChannel(tenant: tenant, update)) { reply in
            switch reply {
            case .channel(let channel):
                var response = Availability_V1_UpdateChannelResponse()
                response.channel = Availability_V1_Channel(channel)
                sink.succeed(with: response)
            case .failed(let error): sink.finish(error.callStatus)
            default:
                sink.finish(EngineError.invariantBroken("wrong reply").callStatus)
            }
        }
        if let refusal { throw refusal.callStatus }
    }
}

/// One page of a list that is in order of ids. The token is the last id of the page before (AIP-158: opaque).
struct Page {
    private let size: Int
    private let after: String

    init(size: Int32, token: String) throws(CallStatus) {
        self.size = try ListFields.pageSize(size)
        after = token
    }

    func take<Element>(from all: [Element], id: (Element) -> String) -> (page: [Element], nextToken: String) {
        let rest = after.isEmpty ? all[...] : all.drop { id($0) <= after }
        let page = Array(rest.prefix(size))
        let hasMore = rest.count > page.count
        return (page, hasMore ? page.last.map(id) ?? "" : "")
    }
}
