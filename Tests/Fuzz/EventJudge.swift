import Engine
import Inventory
import Ledger
import Proto
import SwiftProtobuf

@testable import Services

/// Events: any bytes become an event or none; what the rules let pass is within the limits and survives being kept as
/// a dead letter.
enum EventJudge {
    private static let nowNanoseconds: WallNanoseconds = 1_800_000_000_000_000_000
    private static let directory: LocationDirectory = {
        do {
            return try LocationDirectory(
                locations: [Location(id: "WH1", number: 1, owner: "wms"), Location(id: "WH2", number: 2)],
                groups: [LocationGroup(id: "EAST", members: ["WH1"])],
                sources: [(1, SourceTerms(id: "wms", order: .sequence)), (2, SourceTerms(id: "erp"))])
        } catch {
            fatalError("\(error)")
        }
    }()

    static func judge(_ input: [UInt8]) {
        guard let request = try? Availability_V1_PublishEventsRequest(serializedBytes: input) else { return }
        for wire in request.events { judge(wire) }
    }

    private static func judge(_ wire: Availability_V1_InventoryEvent) {
        let incoming = IncomingEvent(wire)
        let kept = try? Availability_V1_InventoryEvent(serializedBytes: incoming.original)
        expect(kept.map { IncomingEvent($0).event } == incoming.event, "a kept event reads otherwise")

        let event = incoming.event
        for (number, terms) in [(1, SourceTerms(id: "wms", order: .sequence)), (2, SourceTerms(id: "erp"))] {
            var progress = SourceProgress()
            progress.newestOccurredAtNanoseconds = number == 1 ? nowNanoseconds : 0
            do throws(EventRejection) {
                try EventRules.checkFields(event)
                let accepted = try EventRules.accept(
                    event, source: SourceNumber(number), terms: terms, progress: progress, directory: directory,
                    nowNanoseconds: nowNanoseconds)
                check(event, accepted)
            } catch {
                expect(!error.message.isEmpty, "a rejection without a reason")
            }
        }
    }

    private static func check(_ event: InventoryEvent, _ accepted: AcceptedEvent) {
        expect((1...Limits.idBytesMax).contains(event.id.utf8.count), "an id beyond its limit")
        expect((1...Limits.nameBytesMax).contains(event.source.utf8.count), "a source beyond its limit")
        expect(
            event.occurredAtNanoseconds > 0
                && event.occurredAtNanoseconds <= nowNanoseconds + Limits.clockSkewNanosecondsMax,
            "a time beyond its limit")
        guard let stock = accepted.stock else {
            return expect(
                accepted.hold != nil || accepted.leg != nil || accepted.supply != nil || !accepted.remark.isEmpty
                    || event.kind == .sourceHeartbeat, "no effect, no hold, no reference, and no heartbeat")
        }
        expect((1...Limits.skuBytesMax).contains(event.sku.utf8.count), "a sku beyond its limit")
        let places = [event.location, event.toLocation].map { directory.number(of: $0) }
        expect(places.contains(stock.location), "another location")
        let effect = stock.entry.effect
        expect(!effect.touched.isEmpty || event.kind == .pickConfirmed, "an effect on nothing")
        for bucket in Bucket.allCases where effect.touched.contains(bucket) {
            let range = -Limits.quantityMax...Limits.quantityMax
            expect(bucket.isFed && range.contains(effect.values[bucket]), "\(bucket.name) beyond its limit")
        }
    }
}
