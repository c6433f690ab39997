internal import Engine
internal import Inventory

extension IncomingEvent {
    /// What the feed could not make an event of: it becomes a dead letter for that reason, with what is known of it.
    static func rejected(
        _ rejection: EventRejection, known event: InventoryEvent, original: [UInt8], contentType: ContentType
    ) -> IncomingEvent {
        IncomingEvent(event: event, original: original, contentType: contentType, rejection: rejection)
    }
}
