import Inventory
import Testing

@testable import Engine

struct EventDigestTests {
    private var event: InventoryEvent {
        InventoryEvent(id: "e", source: "s", kind: .adjustment, occurredAtNanoseconds: 1, sku: "S", quantity: 1)
    }

    @Test func eachFieldThatAnEventSaysCounts() {
        let changes: [(inout InventoryEvent) -> Void] = [
            { $0.kind = .cycleCount }, { $0.kind = .unsupported(name: "A") }, { $0.kind = .unsupported(name: "B") },
            { $0.sequence = 0 }, { $0.sequence = 1 }, { $0.occurredAtNanoseconds = 2 }, { $0.sku = "T" },
            { $0.location = "S" }, { $0.lot = "S" }, { $0.quantity = nil }, { $0.quantity = -1 },
            { $0.status = .sellable }, { $0.toStatus = .sellable }, { $0.reason = "S" }, { $0.toLocation = "S" },
            { $0.reference = "S" }, { $0.hold.reservationID = "S" }, { $0.hold.lineID = 1 },
            { $0.hold.erpReference = "S" }, { $0.hold.orderReference = "S" }, { $0.correlationID = "S" },
            { $0.snapshot.touched = BucketSet(.onHand) }, { $0.supply.id = "S" },
            { $0.supply.quantity = 1 }, { $0.supply.expectedAtNanoseconds = 1 }, { $0.supply.backordered = 1 },
            { $0.contains = [ContainedHold(reservationID: "r", lineID: 0, quantity: 1)] },
            { $0.contains = [ContainedHold(reservationID: "r", lineID: 1, quantity: 1)] },
            { $0.contains = [ContainedHold(reservationID: "r", lineID: 0, quantity: 2)] },
        ]
        var digests: Set<UInt64> = [event.canonicalDigest]
        for change in changes {
            var changed = event
            change(&changed)
            #expect(digests.insert(changed.canonicalDigest).inserted, "\(changed)")
        }
        // A field that is added must be part of it.
        #expect(Mirror(reflecting: event).children.count == 20)
    }

    @Test func itsNameAndHowItWasWrittenDoNot() {
        var other = event
        other.id = "f"
        other.source = "t"
        other.bodyDigest = 5
        #expect(other.canonicalDigest == event.canonicalDigest)
        let (first, second) = (IncomingEvent(event: event, original: [1]), IncomingEvent(event: other, original: [2]))
        #expect(first.event.bodyDigest == second.event.bodyDigest && first.event.bodyDigest == event.canonicalDigest)
    }
}
