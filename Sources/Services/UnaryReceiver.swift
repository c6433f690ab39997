internal import Calls
internal import SwiftProtobuf

/// A unary or server-streaming call's receiving side: hands the one request message to a function. The function
/// answers through the sink at any time, from any thread.
final class UnaryReceiver: CallReceiver {
    private let body: (UnaryReceiver, [UInt8]) -> Void
    /// Called on the loop's thread when the call ends without our doing.
    var onCancelled: ((CancelReason) -> Void)?
    /// Called on the loop's thread when a slow reader has caught up.
    var onWritable: (() -> Void)?

    init(_ body: @escaping (UnaryReceiver, [UInt8]) -> Void) {
        self.body = body
    }

    func receive(_ message: [UInt8]) -> ReadDecision {
        body(self, message)
        return .more
    }

    func endOfMessages() {}

    func writable() {
        onWritable?()
    }

    func cancelled(_ reason: CancelReason) {
        onCancelled?(reason)
        onCancelled = nil
        onWritable = nil
    }
}

extension ResponseSink {
    /// Sends one message and ends the call with OK.
    func succeed(with message: some Message) {
        do {
            send(try message.serializedBytes())
            finish(.ok)
        } catch {
            finish(.failure(.internalError, .internalFault, "the reply could not be serialized"))
        }
    }
}

/// Decodes a request, or tells why not.
func decode<Request: Message>(_ type: Request.Type, from bytes: [UInt8]) throws(CallStatus) -> Request {
    do {
        return try Request(serializedBytes: bytes)
    } catch {
        throw .malformed(Request.protoMessageName)
    }
}
