import Testing

@testable import Inventory

@Suite struct EventRulesTests {
    private let second: Int64 = 1_000_000_000
    private let now: WallNanoseconds = 100 * 86_400 * 1_000_000_000
    private let directory = makeDirectory(owners: [2: "wms"])

    private func makeEvent(
        _ kind: InventoryEventKind = .cycleCount, _ change: (inout InventoryEvent) -> Void = { _ in }
    ) -> InventoryEvent {
        var event = InventoryEvent(
            id: "e1", source: "erp", kind: kind, occurredAtNanoseconds: now, sku: "A", location: "WH1", quantity: 3,
            reason: "COUNT", bodyDigest: 0)
        if kind == .positionSnapshot {
            event.snapshot.touched = BucketSet(.onHand)
            event.snapshot.values[.onHand] = 9
        }
        change(&event)
        return event
    }

    private func accept(
        _ event: InventoryEvent, terms: SourceTerms = SourceTerms(id: "erp"), newest: WallNanoseconds = 0
    ) throws(EventRejection) -> AcceptedEvent {
        var progress = SourceProgress()
        progress.newestOccurredAtNanoseconds = newest
        try EventRules.checkFields(event)
        return try EventRules.accept(
            event, source: 1, terms: terms, progress: progress, directory: directory, nowNanoseconds: now)
    }

    private func reason(
        _ event: InventoryEvent, terms: SourceTerms = SourceTerms(id: "erp"), newest: WallNanoseconds = 0
    ) -> String? {
        do throws(EventRejection) {
            _ = try accept(event, terms: terms, newest: newest)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func fieldsOutOfTheirRangeAreNamed() {
        let long = String(repeating: "x", count: 65)
        let most = Limits.quantityMax
        let table: [(InventoryEvent, String?)] = [
            (makeEvent(), nil),
            (makeEvent { $0.id = "" }, "INVALID_FIELD: id: is required"),
            (makeEvent { $0.id = long }, "INVALID_FIELD: id: at most 64 bytes, has 65"),
            (makeEvent { $0.id = "a\nb" }, "INVALID_FIELD: id: must be printable UTF-8 without control characters"),
            (makeEvent { $0.source = "" }, "INVALID_FIELD: source: is required"),
            (makeEvent { $0.source = long }, "INVALID_FIELD: source: at most 32 bytes, has 65"),
            (makeEvent { $0.sku = "" }, "INVALID_FIELD: sku: is required"),
            (makeEvent { $0.sku = long }, "INVALID_FIELD: sku: at most 64 bytes, has 65"),
            (makeEvent { $0.location = "" }, "INVALID_FIELD: location: is required"),
            (makeEvent { $0.location = "WH9" }, "UNKNOWN_LOCATION: location: no location is called WH9"),
            (makeEvent { $0.lot = "L1" }, nil),
            (makeEvent { $0.lot = long }, "INVALID_FIELD: lot: at most 64 bytes, has 65"),
            (makeEvent { $0.lot = "a\nb" }, "INVALID_FIELD: lot: must be printable UTF-8 without control characters"),
            (makeEvent { $0.occurredAtNanoseconds = 0 }, "INVALID_FIELD: occurred_at: is required"),
            (makeEvent { $0.occurredAtNanoseconds = -5 }, "INVALID_FIELD: occurred_at: is required"),
            (makeEvent { $0.quantity = nil }, "INVALID_FIELD: quantity: is required"),
            (makeEvent { $0.quantity = most }, nil),
            (makeEvent { $0.quantity = -most }, nil),
            (makeEvent { $0.quantity = most + 1 }, "INVALID_FIELD: quantity: -\(most) to \(most), is \(most + 1)"),
            (makeEvent { $0.quantity = .min }, "INVALID_FIELD: quantity: -\(most) to \(most), is \(Int64.min)"),
            (makeEvent(.adjustment) { $0.quantity = -2 }, nil),
            (makeEvent(.adjustment) { $0.quantity = nil }, "INVALID_FIELD: quantity: is required"),
            (makeEvent(.adjustment) { $0.reason = "" }, "INVALID_FIELD: reason: ADJUSTMENT needs a reason code"),
            (makeEvent(.adjustment) { $0.reason = long }, "INVALID_FIELD: reason: at most 64 bytes, has 65"),
            (makeEvent(.receiptPosted) { $0.quantity = 0 }, "INVALID_FIELD: quantity: 1 to \(most), is 0"),
            (makeEvent(.receiptPosted) { $0.supply.id = long }, "INVALID_FIELD: supply.id: at most 64 bytes, has 65"),
            (makeEvent(.shipmentConfirmed) { $0.quantity = 0 }, "INVALID_FIELD: quantity: 1 to \(most), is 0"),
            (makeEvent(.returnReceived) { $0.quantity = -1 }, "INVALID_FIELD: quantity: 1 to \(most), is -1"),
            (makeEvent(.returnReceived) { $0.status = .unknown }, "INVALID_FIELD: status: there is no such status"),
            (makeEvent(.pickConfirmed) { $0.quantity = nil }, nil),
            (makeEvent(.pickConfirmed) { $0.quantity = -1 }, "INVALID_FIELD: quantity: 0 to \(most), is -1"),
            (makeEvent(.statusChanged), "INVALID_FIELD: to_status: is the status before as well"),
            (
                makeEvent(.cycleCount) { $0.status = .damaged },
                "INVALID_FIELD: status: CYCLE_COUNT counts the stock whatever its status"
            ),
            (
                makeEvent(.orderAccepted),
                "INVALID_FIELD: reservation_id: this, erp_reference or order_reference is required"
            ),
            (
                makeEvent(.orderCancelled) { $0.hold.orderReference = long },
                "INVALID_FIELD: order_reference: at most 64 bytes, has 65"
            ),
            (makeEvent(.orderCancelled) { $0.hold.orderReference = "O1" }, nil),
            (makeEvent(.positionSnapshot), nil),
            (
                makeEvent(.positionSnapshot) { $0.snapshot.touched = [BucketSet(.reserved), BucketSet(.releasing)] },
                "INVALID_FIELD: position: POSITION_SNAPSHOT needs at least one bucket besides reserved and releasing"
            ),
            (
                makeEvent(.positionSnapshot) { $0.snapshot.values[.onHand] = most + 1 },
                "INVALID_FIELD: position.on_hand: within ±\(most), is \(most + 1)"
            ),
            (
                makeEvent(.unsupported(name: "TRANSFER_SHIPPED")),
                "TYPE_NOT_SUPPORTED: type: TRANSFER_SHIPPED is not supported"
            ),
            (makeEvent { $0.sequence = .max }, "INVALID_FIELD: sequence: at most \(Int64.max), is \(UInt64.max)"),
        ]
        for (event, expected) in table { #expect(reason(event) == expected) }
    }

    @Test func timesBeyondSkewAndHorizonAreRefused() {
        let skew = Limits.clockSkewNanosecondsMax
        let horizon = Limits.horizonNanoseconds
        #expect(reason(makeEvent { $0.occurredAtNanoseconds = now + skew }) == nil)
        #expect(
            reason(makeEvent { $0.occurredAtNanoseconds = now + skew + 1 })
                == "CLOCK_SKEW: occurred_at: 300 s ahead, at most 300 s")
        #expect(reason(makeEvent { $0.occurredAtNanoseconds = .max })?.hasPrefix("CLOCK_SKEW: ") == true)
        // The horizon is counted from the source's newest event, not from the clock.
        #expect(reason(makeEvent { $0.occurredAtNanoseconds = 1 }) == nil)
        #expect(reason(makeEvent { $0.occurredAtNanoseconds = now - horizon }, newest: now) == nil)
        #expect(
            reason(makeEvent { $0.occurredAtNanoseconds = now - horizon - 1 }, newest: now)
                == "TOO_OLD: occurred_at: 604800 s behind the source's newest event, at most 604800 s")
    }

    @Test func boundsMayBeSetTighter() {
        let bounds = EventBounds(horizonNanoseconds: 10 * second, clockSkewMaxNanoseconds: second)
        func reason(_ occurredAt: WallNanoseconds) -> DeadLetterReason? {
            var progress = SourceProgress()
            progress.newestOccurredAtNanoseconds = now
            do throws(EventRejection) {
                _ = try EventRules.accept(
                    makeEvent { $0.occurredAtNanoseconds = occurredAt }, source: 1, terms: SourceTerms(id: "erp"),
                    progress: progress, directory: directory, nowNanoseconds: now, bounds: bounds)
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(reason(now + second) == nil)
        #expect(reason(now + second + 1) == .clockSkew)
        #expect(reason(now - 10 * second) == nil)
        #expect(reason(now - 10 * second - 1) == .tooOld)
    }

    @Test func aHeartbeatNeedsOnlyIdSourceAndTime() throws {
        let event = InventoryEvent(
            id: "h1", source: "erp", kind: .sourceHeartbeat, occurredAtNanoseconds: now, bodyDigest: 0)
        #expect(try accept(event) == AcceptedEvent(stock: nil, hold: nil))
        #expect(try accept(event, terms: SourceTerms(id: "erp", order: .sequence)).stock == nil)
        var late = event
        late.occurredAtNanoseconds = now + Limits.clockSkewNanosecondsMax + 1
        #expect(reason(late)?.hasPrefix("CLOCK_SKEW") == true)
    }

    @Test func onlyTheOwnerMaySend() {
        #expect(
            reason(makeEvent { $0.location = "WH2" }) == "NOT_OWNER: source: erp does not own on_hand of WH2")
        let bySequence = SourceTerms(id: "erp", order: .sequence)
        // It shares no time line with others, so it must own what it sends.
        #expect(
            reason(makeEvent { $0.sequence = 4 }, terms: bySequence)
                == "NOT_OWNER: source: erp does not own on_hand of WH1")
        #expect(
            reason(makeEvent(), terms: bySequence)
                == "INVALID_FIELD: sequence: is required of a source ordered by sequence")
    }

    @Test func effectsAreThoseOfTheTable() throws {
        func effect(_ event: InventoryEvent) throws -> [String] {
            let effect = try #require(try accept(event).stock?.entry.effect)
            return [effect.isAbsolute ? "absolute" : "delta"]
                + Bucket.allCases.filter { effect.touched.contains($0) }.map { "\($0.name) \(effect.values[$0])" }
        }
        #expect(try effect(makeEvent(.cycleCount)) == ["absolute", "on_hand 3"])
        #expect(try effect(makeEvent(.adjustment) { $0.quantity = -4 }) == ["delta", "on_hand -4"])
        #expect(try effect(makeEvent(.receiptPosted)) == ["delta", "on_hand 3"])
        #expect(try effect(makeEvent(.receiptPosted) { $0.supply.id = "PO1" }) == ["delta", "on_hand 3"])
        #expect(
            try effect(makeEvent(.receiptPosted) { $0.status = .damaged }) == ["delta", "on_hand 3", "damaged 3"])
        #expect(try effect(makeEvent(.shipmentConfirmed)) == ["delta", "on_hand -3"])
        #expect(
            try effect(makeEvent(.shipmentConfirmed) { $0.status = .quarantined })
                == ["delta", "on_hand -3", "quarantined -3"])
        #expect(try effect(makeEvent(.returnReceived)) == ["delta", "on_hand 3", "quarantined 3"])
        #expect(try effect(makeEvent(.returnReceived) { $0.status = .sellable }) == ["delta", "on_hand 3"])
        #expect(
            try effect(makeEvent(.returnReceived) { $0.status = .damaged }) == ["delta", "on_hand 3", "damaged 3"])
        #expect(
            try effect(
                makeEvent(.statusChanged) {
                    $0.status = .quarantined
                    $0.toStatus = .damaged
                }) == ["delta", "quarantined -3", "damaged 3"])
        #expect(try effect(makeEvent(.statusChanged) { $0.toStatus = .damaged }) == ["delta", "damaged 3"])
        #expect(try effect(makeEvent(.pickConfirmed)) == ["delta"])
        let snapshot = makeEvent(.positionSnapshot) {
            $0.snapshot.touched = [BucketSet(.onHand), BucketSet(.reserved), BucketSet(.damaged)]
            $0.snapshot.values[.reserved] = 55
        }
        #expect(try effect(snapshot) == ["absolute", "on_hand 9", "damaged 0"])
    }

    @Test func holdsAreTouchedByWhatNamesThemOnly() throws {
        func hold(_ kind: InventoryEventKind, _ change: (inout InventoryEvent) -> Void) throws -> AcceptedEvent.Hold? {
            try accept(makeEvent(kind, change)).hold
        }
        #expect(try hold(.shipmentConfirmed) { $0.hold.reservationID = "r-1-1" } == .ship(3))
        #expect(try hold(.shipmentConfirmed) { $0.hold.orderReference = "O1" } == .ship(3))
        #expect(try hold(.shipmentConfirmed) { _ in } == nil)
        #expect(try hold(.orderAccepted) { $0.hold.erpReference = "E1" } == .commit)
        #expect(try hold(.orderCancelled) { $0.hold.orderReference = "O1" } == .release)
        #expect(try hold(.returnReceived) { $0.hold.orderReference = "O1" } == nil)
        #expect(try accept(makeEvent(.orderAccepted) { $0.hold.erpReference = "E1" }).stock == nil)
    }

    @Test func whatIsReceivedIsThereWhoeverKeepsWhatIsToCome() throws {
        let directory = makeDirectory(owners: [1: "erp"], bucketOwners: [1: ["incoming": "wms"]])
        let event = makeEvent(.receiptPosted) { $0.supply.id = "PO1" }
        let accepted = try EventRules.accept(
            event, source: 1, terms: SourceTerms(id: "erp"), progress: SourceProgress(), directory: directory,
            nowNanoseconds: now)
        #expect(accepted.stock?.entry.effect.touched == BucketSet(.onHand))
        let key = try #require(accepted.stock?.entry.key)
        let receipt = SupplyReceipt(occurredAtNanoseconds: now, key: key, units: 3, mayLowerIncoming: false)
        #expect(accepted.supply == .init(location: 1, part: .received(receipt)))
        #expect(try accept(makeEvent(.receiptPosted)).supply == nil)
    }

    @Test func aSupplyIsToldWithItsDateAndCancelledWithoutOne() throws {
        let source = OrderKey.digest(ofSource: "erp")
        let updated = makeEvent(.supplyUpdated) {
            $0.supply = NamedSupply(id: "PO1", quantity: 9, expectedAtNanoseconds: 77, backordered: 2)
        }
        let figure = SupplyFigure(
            occurredAtNanoseconds: now, source: source, id: "e1", quantity: 9, expectedAtNanoseconds: 77,
            backordered: 2)
        #expect(try accept(updated).supply == .init(location: 1, part: .told(figure)))
        #expect(try accept(updated).stock == nil)
        var none = figure
        (none.quantity, none.expectedAtNanoseconds, none.backordered, none.isCancelled) = (0, 0, 0, true)
        let cancelled = makeEvent(.supplyCancelled) { $0.supply = updated.supply }
        #expect(try accept(cancelled).supply == .init(location: 1, part: .told(none)))
        // WH2 is another's.
        #expect(
            reason(
                makeEvent(.supplyCancelled) {
                    $0.supply.id = "PO1"
                    $0.location = "WH2"
                }) == "NOT_OWNER: source: erp does not own incoming of WH2")
    }

    @Test func thePlaceIsByTimeOrBySequence() throws {
        let byTime = try #require(try accept(makeEvent()).stock)
        #expect(byTime.location == 1)
        #expect(
            byTime.entry.key
                == OrderKey(
                    primary: now, isAbsolute: true, source: OrderKey.digest(ofSource: makeEvent().source), id: "e1"))
        let owned = makeDirectory(owners: [1: "erp"])
        let bySequence = try EventRules.accept(
            makeEvent { $0.sequence = 41 }, source: 1, terms: SourceTerms(id: "erp", order: .sequence),
            progress: SourceProgress(), directory: owned, nowNanoseconds: now)
        #expect(bySequence.stock?.entry.key.primary == 41)
    }

    @Test func theHorizonIsThatOfTheSourcesOrder() {
        var progress = SourceProgress()
        let byTime = SourceTerms(id: "erp")
        let bySequence = SourceTerms(id: "erp", order: .sequence)
        #expect(EventRules.horizonPrimary(byTime, progress) == nil)
        #expect(EventRules.horizonPrimary(bySequence, progress) == nil)
        progress.newestOccurredAtNanoseconds = now
        progress.nextSequence = UInt64(Limits.horizonSequences) + 10
        #expect(EventRules.horizonPrimary(byTime, progress) == now - Limits.horizonNanoseconds - 1)
        #expect(EventRules.horizonPrimary(bySequence, progress) == 9)
    }

    @Test func reasonsAreTheContracts() {
        let names = DeadLetterReason.allCases.map(\.rawValue)
        #expect(
            names == [
                "INVALID_FIELD", "ID_REUSED", "TOO_OLD", "NOT_OWNER", "CLOCK_SKEW", "UNKNOWN_LOCATION",
                "LOT_NOT_SUPPORTED", "TYPE_NOT_SUPPORTED", "OUT_OF_RANGE", "SOURCE_FORBIDDEN",
            ])
    }
}
