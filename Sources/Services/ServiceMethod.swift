internal import Calls
internal import Engine
internal import SwiftProtobuf

/// A method of any kind but `unaryInline`, and how a call of it is opened.
struct ServiceMethod: Sendable {
    let descriptor: MethodDescriptor
    /// Called on the loop's thread. `LoopReads` is that loop's view of the stock.
    let open: @Sendable (CallContext, LoopReads, any ResponseSink) throws(CallStatus) -> any CallReceiver

    init(
        _ descriptor: MethodDescriptor,
        open: @escaping @Sendable (CallContext, LoopReads, any ResponseSink) throws(CallStatus) -> any CallReceiver
    ) {
        self.descriptor = descriptor
        self.open = open
    }

    /// A unary method whose handler answers through the sink, now or later.
    static func unary<Request: Message>(
        _ service: String, _ name: String, _ type: Request.Type,
        _ body: @escaping @Sendable (Request, UnaryCall, any ResponseSink) throws(CallStatus) -> Void
    ) -> ServiceMethod {
        let descriptor = MethodDescriptor(service: service, name: name, kind: .unary)
        return ServiceMethod(descriptor) { context, reads, sink in
            UnaryReceiver { _, bytes in
                do throws(CallStatus) {
                    let request = try decode(Request.self, from: bytes)
                    try body(request, UnaryCall(context: context, reads: reads), sink)
                } catch {
                    sink.finish(error)
                }
            }
        }
    }

    /// A method of the contract that this version does not have.
    static func unimplemented(
        _ service: String, _ name: String, kind: MethodDescriptor.Kind = .unary
    ) -> ServiceMethod {
        ServiceMethod(MethodDescriptor(service: service, name: name, kind: kind)) { _, _, _ throws(CallStatus) in
            throw .failure(
                .unimplemented, .methodUnimplemented, "\(service)/\(name) is not part of this version of the server")
        }
    }
}

/// What a unary handler may use besides its request. Valid on the loop's thread, while the handler runs.
struct UnaryCall {
    let context: CallContext
    let reads: LoopReads
}
