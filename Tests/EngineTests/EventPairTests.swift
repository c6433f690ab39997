import Inventory
import Ledger
import Testing

@testable import Engine

private func transfer(
    _ id: String, _ kind: InventoryEventKind, _ units: Int64, at seconds: Int64 = 0, reference: String = "T1"
) -> InventoryEvent {
    Make.event(id, kind, at: seconds) {
        $0.quantity = units
        $0.toLocation = "WH2"
        $0.reference = reference
    }
}

private func allocation(
    _ id: String, _ kind: InventoryEventKind, _ units: Int64, at seconds: Int64 = 0, reference: String = "A1",
    _ change: (inout InventoryEvent) -> Void = { _ in }
) -> InventoryEvent {
    Make.event(id, kind, at: seconds) {
        $0.quantity = units
        $0.reference = reference
        change(&$0)
    }
}

extension TestStore {
    fileprivate func bucket(_ bucket: Bucket, _ location: String = "WH1") throws -> Int64 {
        try position("S", location)?.buckets[bucket] ?? 0
    }

    fileprivate var variances: [Variance] {
        get throws {
            let reader = try ledger.makeReader()
            try reader.renew()
            var all: [Variance] = []
            try reader.forEachVarianceBackwards(tenant: engine.tenantNumber) { _, variance in
                all.insert(variance, at: 0)
                return true
            }
            return all
        }
    }
}

@Suite struct EventPairTests {
    @Test func goodsAreOnTheirWayFromTheirDepartureToTheirArrival() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", at: -10, onHand: 10))
        #expect(try store.publish(transfer("t1", .transferShipped, 4)).outcome == .applied)
        #expect(try [store.bucket(.onHand), store.bucket(.inTransit, "WH2")] == [6, 4])
        #expect(try store.publish(transfer("t2", .transferReceived, 4, at: 1)).outcome == .applied)
        #expect(try [store.bucket(.onHand, "WH2"), store.bucket(.inTransit, "WH2")] == [4, 0])
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func goodsThatArriveBeforeTheirDepartureIsKnownAreThereAtOnce() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", at: -10, onHand: 10))
        #expect(try store.publish(transfer("t2", .transferReceived, 4, at: 1)).outcome == .buffered)
        #expect(try [store.bucket(.onHand, "WH2"), store.bucket(.inTransit, "WH2")] == [4, 0])
        #expect(try store.publish(transfer("t1", .transferShipped, 4)).outcome == .applied)
        #expect(try [store.bucket(.onHand), store.bucket(.inTransit, "WH2")] == [6, 0])
        #expect(store.source("a")?.buffered == 1)
    }

    @Test func aClosingWhoseOpeningNeverComesLeavesAVarianceOnceItsHorizonIsOver() throws {
        let store = try TestStore { $0.horizonNanoseconds = 100 * .perSecond }
        _ = try store.publish(Make.snapshot("1", at: -10, onHand: 10))
        _ = try store.publish(allocation("a0", .allocationCreated, 3, at: -5, reference: "OTHER"))
        let release = allocation("r1", .allocationReleased, 3) { $0.lot = "A" }
        #expect(try store.publish(release).outcome == .buffered)
        // A shipment's number is mostly no allocation's.
        _ = try store.publish(allocation("s1", .shipmentConfirmed, 1, reference: "PARCEL"))
        #expect(try store.variances == [])
        for second in Int64(1)...250 {
            store.nowNanoseconds = TestStore.now + second * .perSecond
            let (begun, ended) = ("c\(second)", "r-\(second)")
            _ = try store.publish(allocation(begun, .allocationCreated, 1, at: second, reference: begun))
            _ = try store.publish(allocation(ended, .allocationReleased, 1, at: second, reference: begun))
        }
        let told = try store.variances
        #expect(told.map(\.cause) == [.closedWithoutOpening] && told.first?.lot == "A")
        #expect(told.map { [$0.ours, $0.theirs] } == [[0, 3]])
        #expect(told.map { [$0.bucket, $0.eventID] } == [["allocated", "r1"]])
        #expect(try store.bucket(.allocated) == 3)
        #expect(try store.ledger.verify().problems == [])
    }

    @Test func anAllocationIsClosedOnceByItsShipmentAndItsRelease() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", at: -10, onHand: 10))
        _ = try store.publish(allocation("a1", .allocationCreated, 5))
        #expect(try store.bucket(.allocated) == 5)
        _ = try store.publish(allocation("s1", .shipmentConfirmed, 5, at: 1))
        _ = try store.publish(allocation("a2", .allocationReleased, 5, at: 2))
        #expect(try [store.bucket(.allocated), store.bucket(.onHand)] == [0, 5])
    }

    @Test func aReleaseBeforeItsAllocationFreesNothing() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", at: -10, onHand: 10))
        #expect(try store.publish(allocation("a2", .allocationReleased, 5, at: 2)).outcome == .buffered)
        #expect(try store.bucket(.allocated) == 0)
        _ = try store.publish(allocation("a1", .allocationCreated, 5))
        #expect(try store.bucket(.allocated) == 0)
    }

    @Test func withoutAReferenceAllocationsCountOneByOne() throws {
        let store = try TestStore()
        _ = try store.publish(allocation("a1", .allocationCreated, 5, reference: ""))
        _ = try store.publish(allocation("a2", .allocationReleased, 2, at: 1, reference: ""))
        #expect(try store.bucket(.allocated) == 3)
    }

    @Test func whatIsAllocatedToAHoldOfOursCountsOnce() throws {
        let store = try TestStore()
        _ = try store.publish(Make.snapshot("1", at: -10, onHand: 10))
        let hold = try store.hold("S", 4, order: "O1")
        _ = try store.publish(allocation("a1", .allocationCreated, 4) { $0.hold.orderReference = "O1" })
        _ = try store.publish(
            allocation("a2", .allocationCreated, 4, reference: "") { $0.hold.reservationID = hold.id })
        #expect(try store.bucket(.allocated) == 0)
        #expect(try store.position("S", "WH1")?.sellable == 6)
        // An order that nobody here knows is somebody else's.
        _ = try store.publish(
            allocation("a3", .allocationCreated, 2, reference: "A3") { $0.hold.orderReference = "O2" })
        #expect(try store.bucket(.allocated) == 2)
    }

    @Test func aFigureOfWhatIsOnItsWayIsRebased() throws {
        let store = try TestStore()
        _ = try store.publish(transfer("t1", .transferShipped, 4, at: -5))
        _ = try store.publish(transfer("t2", .transferReceived, 4, at: 5))
        // Taken in between: the four are in it, and arrive after it.
        var figure = Make.snapshot("f", location: "WH2", at: 0, onHand: 0)
        figure.snapshot.touched.insert(BucketSet(.inTransit))
        figure.snapshot.values[.inTransit] = 4
        _ = try store.publish(figure)
        #expect(try [store.bucket(.onHand, "WH2"), store.bucket(.inTransit, "WH2")] == [4, 0])
    }

    @Test func theBucketOfAnotherOwnerStaysAndTheGoodsMove() throws {
        let store = try TestStore()
        var event = transfer("t1", .transferShipped, 4)
        event.toLocation = "COUNTED"
        let result = try store.publish(event)
        #expect(result.outcome == .applied && result.reason == "NOT_OWNER: in_transit of COUNTED stays as it is")
        #expect(try store.bucket(.onHand) == -4)
        #expect(
            try store.publish(Make.event("t2", .allocationCreated) { $0.location = "OWNED" }).outcome == .deadLettered)
    }

    /// Any order, repetition and grouping of what opens and closes, among figures, gives one state.
    @Test(arguments: 0..<20)
    func anyOrderGivesOneState(round: UInt64) throws {
        let seed = 0x7A1F_0000 + round
        var random = SeededRandom(seed: seed)
        var events: [InventoryEvent] = []
        for index in 0..<40 {
            let at = -Int64.random(in: 0..<12, using: &random)
            let units = Int64.random(in: 1...4, using: &random)
            let reference = ["R1", "R2"].randomElement(using: &random)!
            let id = "\(index)"
            switch Int.random(in: 0..<6, using: &random) {
            case 0: events.append(transfer(id, .transferShipped, units, at: at, reference: reference))
            case 1: events.append(transfer(id, .transferReceived, units, at: at, reference: reference))
            case 2: events.append(allocation(id, .allocationCreated, units, at: at, reference: reference))
            case 3: events.append(allocation(id, .allocationReleased, units, at: at, reference: reference))
            case 4: events.append(allocation(id, .shipmentConfirmed, units, at: at, reference: reference))
            default:
                // Two figures have no moment in common: which of them counts would be the order of their ids.
                var figure = Make.snapshot(
                    id, location: ["WH1", "WH2"].randomElement(using: &random)!, at: at, onHand: 50)
                figure.occurredAtNanoseconds += Int64(index)
                for bucket in [Bucket.inTransit, .allocated] {
                    figure.snapshot.touched.insert(BucketSet(bucket))
                    figure.snapshot.values[bucket] = units
                }
                events.append(figure)
            }
        }
        func state(_ arranged: [InventoryEvent]) throws -> [Buckets?] {
            let store = try TestStore()
            var rest = arranged[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...6, using: &random)
                _ = try store.publish(rest.prefix(count).map { TestStore.incoming($0) })
                rest = rest.dropFirst(count)
            }
            #expect(try store.ledger.verify().problems == [])
            return [try store.position("S", "WH1")?.buckets, try store.position("S", "WH2")?.buckets]
        }
        let inOrder = try state(events)
        let disordered = try state(
            (events + events.shuffled(using: &random).prefix(20)).shuffled(using: &random))
        #expect(inOrder == disordered, "seed \(seed)")
    }
}
