internal import NIOCore
internal import Synchronization

/// Bounds of the HTTP port.
struct PortLimits: Sendable {
    /// Connections of everybody. Beyond, the one that has been idle longest is closed: whoever comes gets in.
    var connectionsMax = 576
    /// Requests to endpoints that are under way: fewer than the connections, so that some are always left for probes and
    /// scrapers.
    var endpointRequestsMax = 512
    /// Bytes of bodies that are being read or answered.
    var bodyBytesMax = 32 << 20
    /// How long the reading of one body may take.
    var bodySeconds: Int64 = 30
    /// How long a connection stays after an answer that left some of the body unread: closed at once, the sender might
    /// never see the answer (RFC 9112, section 9.6).
    var lingerSeconds: Int64 = 2
    var idleSeconds: Int64 = 60
    var headerListBytesMax = 8 << 10
    var headerFieldsMax = 100
}

/// Who is connected to the port and what requests take of it. Any thread.
final class PortBudget: Sendable {
    private struct Connection {
        let channel: any Channel
        var isBusy = false
        /// Rises with every use of any connection.
        var lastUse: UInt64
    }

    private struct State {
        var connections: [ObjectIdentifier: Connection] = [:]
        var uses: UInt64 = 0
        var endpointRequests = 0
        var bodyBytes = 0
    }

    let limits: PortLimits
    private let state = Mutex(State())

    init(limits: PortLimits) {
        self.limits = limits
    }

    /// Takes a connection in, and closes the one that has been idle longest when there are too many.
    func opened(_ channel: any Channel) {
        let closed = state.withLock { state -> (any Channel)? in
            state.uses += 1
            state.connections[ObjectIdentifier(channel)] = Connection(channel: channel, lastUse: state.uses)
            guard state.connections.count > limits.connectionsMax else { return nil }
            let idle = state.connections.filter { !$0.value.isBusy }.min { $0.value.lastUse < $1.value.lastUse }
            guard let idle else { return nil }
            state.connections[idle.key] = nil
            return idle.value.channel
        }
        closed?.close(promise: nil)
    }

    func closed(_ channel: any Channel) {
        state.withLock { $0.connections[ObjectIdentifier(channel)] = nil }
    }

    /// Notes whether a connection's request is under way.
    func note(_ channel: any Channel, isBusy: Bool) {
        state.withLock { state in
            state.uses += 1
            state.connections[ObjectIdentifier(channel)]?.isBusy = isBusy
            state.connections[ObjectIdentifier(channel)]?.lastUse = state.uses
        }
    }

    /// False: too many requests to endpoints are under way. Otherwise to be ended by `endEndpointRequest`.
    func beginEndpointRequest() -> Bool {
        state.withLock { state in
            guard state.endpointRequests < limits.endpointRequestsMax else { return false }
            state.endpointRequests += 1
            return true
        }
    }

    /// - Parameter bodyBytes: all that the request took.
    func endEndpointRequest(bodyBytes: Int) {
        state.withLock { state in
            state.endpointRequests -= 1
            state.bodyBytes -= bodyBytes
        }
    }

    /// False: there is no room for them now.
    func takeBodyBytes(_ count: Int) -> Bool {
        state.withLock { state in
            guard state.bodyBytes + count <= limits.bodyBytesMax else { return false }
            state.bodyBytes += count
            return true
        }
    }
}

/// Tells the budget of one connection's beginning and end. On the connection's event loop.
final class ConnectionCounter: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Never

    private let budget: PortBudget

    init(budget: PortBudget) {
        self.budget = budget
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        let budget = self.budget
        budget.opened(channel)
        channel.closeFuture.whenComplete { _ in budget.closed(channel) }
    }
}
