public import Engine
internal import Proto
internal import SwiftProtobuf

extension IncomingEvent {
    /// A serialized `availability.v1.InventoryEvent`, as other feeds than our own API bring it; nil: the bytes are none. They
    /// are kept should it end as a dead letter.
    public init?(protobuf bytes: [UInt8]) {
        guard let wire = try? Availability_V1_InventoryEvent(serializedBytes: bytes) else { return nil }
        self.init(event: IncomingEvent(wire).event, original: bytes)
    }
}
