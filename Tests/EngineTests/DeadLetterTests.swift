import Engine
import Inventory
import Ledger
import Testing

@Suite struct DeadLetterTests {
    private func letters(_ store: TestStore) throws -> [DeadLetter] {
        let reader = try store.ledger.makeReader()
        try reader.renew()
        var found: [DeadLetter] = []
        try reader.forEachDeadLetter(tenant: store.engine.tenantNumber) { letter in
            found.append(letter)
            return true
        }
        return found
    }

    private func deal(
        _ kind: DeadLetterWish.Kind, _ letters: [DeadLetterWish.Letter], _ store: TestStore
    ) throws -> [DeadLetterResult] {
        let wish = DeadLetterWish(kind: kind, letters: letters, actor: "ann", reason: "mended", requestID: "r")
        guard
            case .deadLetters(let results, _) = try store.step(
                .dealWithDeadLetters(tenant: store.engine.tenantNumber, wish))
        else { throw TestFailure.unexpectedReply }
        return results
    }

    private func audit(_ store: TestStore) throws -> [AuditEntry] {
        let reader = try store.ledger.makeReader()
        try reader.renew()
        var found: [AuditEntry] = []
        try reader.forEachAuditEntry(AuditEntry.self, tenant: store.engine.tenantNumber) { _, entry in
            if entry.action != .updateChannel { found.append(entry) }
            return true
        }
        return found
    }

    @Test func letterTellsWhatCameAndWhy() throws {
        let store = try TestStore()
        let poison = TestStore.incoming(Make.adjustment("p", source: "wms", location: "NOWHERE", by: 3))
        _ = try store.publish([poison])
        store.nowNanoseconds += 5
        _ = try store.publish([poison])
        let letter = try #require(try letters(store).first)
        #expect(letter.reason == "UNKNOWN_LOCATION: location: no location is called NOWHERE")
        #expect((letter.source, letter.eventID, letter.sku) == ("wms", "p", "S"))
        #expect(letter.original == poison.original)
        #expect(letter.contentType == ContentType.protobuf.rawValue)
        #expect(letter.attempts == 2)
        #expect(letter.firstTimeNanoseconds == TestStore.now)
        #expect(letter.lastTimeNanoseconds == TestStore.now + 5)
        #expect(store.engine.board.deadLetters.count == 1)
    }

    @Test func replayAfterTheLocationWasAddedTakesEffectOnce() throws {
        let store = try TestStore()
        let poison = TestStore.incoming(Make.adjustment("p", location: "NEW", by: 3))
        _ = try store.publish([poison])
        let id = try #require(try letters(store).first?.id)
        #expect(try deal(.replay, [.init(id: id, incoming: poison)], store)[0].outcome == .deadLettered)
        var seed = TestStore.seed
        seed.locations.append(Location(id: "NEW", number: 0))
        _ = try store.step(.seed(tenant: store.engine.tenantNumber, seed))
        let results = try deal(.replay, [.init(id: id, incoming: poison)], store)
        #expect(results[0].outcome == .applied)
        #expect(try store.position("S", "NEW")?.buckets[.onHand] == 3)
        #expect(try letters(store).isEmpty)
        #expect(try store.publish([poison])[0].outcome == .duplicate)
        let again = try deal(.replay, [.init(id: id, incoming: poison)], store)[0]
        #expect(!again.isFound && again.outcome == nil && again.reason == "DEAD_LETTER_NOT_FOUND")
        let entries = try audit(store)
        #expect(entries.map(\.action) == [.replayDeadLetters, .replayDeadLetters])
        #expect(entries.last?.outcomes == ["dead-letters/\(id)": "APPLIED"])
        #expect(entries.last?.actor == "ann" && entries.last?.reason == "mended")
        #expect(try store.ledger.verify().isClean)
    }

    @Test func replayOfWhatIsStillWrongKeepsTheLetterInItsPlaceAndCountsIt() throws {
        let store = try TestStore()
        _ = try store.publish(Make.adjustment("1", by: 5))
        let reused = TestStore.incoming(Make.adjustment("1", by: 6))
        _ = try store.publish([reused])
        var effect = Make.snapshot("big", onHand: Limits.bucketMax)
        effect.kind = .adjustment
        effect.reason = "COUNT"
        effect.quantity = Limits.quantityMax + 1
        let huge = TestStore.incoming(effect)
        _ = try store.publish([huge])
        let before = try letters(store)
        let results = try deal(
            .replay, [.init(id: before[0].id, incoming: reused), .init(id: before[1].id, incoming: huge)], store)
        #expect(results.map(\.outcome) == [.deadLettered, .deadLettered])
        #expect(results[0].reason.hasPrefix("ID_REUSED"))
        let after = try letters(store)
        #expect(after.map(\.id) == before.map(\.id))
        #expect(after.map(\.attempts) == [2, 2])
        #expect(store.source("a")?.deadLettered == 2)
        #expect(try store.position("S", "WH1")?.buckets[.onHand] == 5)
    }

    @Test func replayFillsNoGapSinceItsSequenceWasAccountedForWhenItCame() throws {
        let store = try TestStore()
        _ = try store.publish(Make.heartbeat("1", at: -50, sequence: 1))
        let poison = TestStore.incoming(Make.adjustment("2", location: "NEW", at: -40, sequence: 2, by: 3))
        _ = try store.publish([poison])
        _ = try store.publish(Make.heartbeat("3", at: -30, sequence: 3))
        var seed = TestStore.seed
        seed.locations.append(Location(id: "NEW", number: 0))
        _ = try store.step(.seed(tenant: store.engine.tenantNumber, seed))
        let id = try #require(try letters(store).first?.id)
        #expect(try deal(.replay, [.init(id: id, incoming: poison)], store)[0].outcome == .applied)
        let source = try #require(store.source("a"))
        #expect((source.lateFillers, source.nextSequence, source.gapSinceNanoseconds) == (0, 4, nil))
        #expect(source.watermarkNanoseconds == TestStore.now - 30 * .perSecond)
    }

    @Test func mendedMappingMendsTheLetterThoughItReadsAnotherEvent() throws {
        let store = try TestStore()
        let misread = TestStore.incoming(Make.adjustment("x", source: "shop", location: "wh-one", by: 2))
        _ = try store.publish([misread])
        let id = try #require(try letters(store).first?.id)
        let stillWrong = IncomingEvent(
            event: Make.adjustment("x-1", source: "shop", location: "wh-two", by: 2), original: misread.original)
        #expect(try deal(.replay, [.init(id: id, incoming: stillWrong)], store)[0].outcome == .deadLettered)
        #expect(try letters(store).map(\.id) == [id])
        #expect(try letters(store).map(\.eventID) == ["x-1"])
        let right = IncomingEvent(
            event: Make.adjustment("x-1", source: "shop", location: "WH1", by: 2), original: misread.original)
        #expect(try deal(.replay, [.init(id: id, incoming: right)], store)[0].outcome == .applied)
        #expect(try letters(store).isEmpty)
        #expect(try store.ledger.verify().isClean)
    }

    @Test func whatNobodyCanReadAnyMoreStays() throws {
        let store = try TestStore()
        _ = try store.publish(Make.adjustment("p", location: "NOWHERE", by: 1))
        let id = try #require(try letters(store).first?.id)
        let result = try deal(.replay, [.init(id: id)], store)[0]
        #expect(result.isFound && result.outcome == .deadLettered && result.reason.hasPrefix("INVALID_FIELD"))
        #expect(try letters(store).map(\.attempts) == [2])
    }

    @Test func discardTakesThoseNamedAndTellsWhichThereWere() throws {
        let store = try TestStore()
        for index in 0..<3 { _ = try store.publish(Make.adjustment("p\(index)", location: "NOWHERE", by: 1)) }
        let all = try letters(store)
        #expect(all.map(\.eventID) == ["p0", "p1", "p2"])
        let results = try deal(.discard, [.init(id: all[1].id), .init(id: "1-1"), .init(id: all[1].id)], store)
        #expect(results.map(\.isFound) == [true, false, false])
        #expect(try letters(store).map(\.eventID) == ["p0", "p2"])
        #expect(try audit(store).map(\.outcomes) == [["dead-letters/\(all[1].id)": "DISCARDED"]])
        #expect(store.engine.board.deadLetters.count == 2)
        #expect(try store.ledger.verify().isClean)
    }

    @Test func nothingFoundLeavesNothingInTheAuditLog() throws {
        let store = try TestStore()
        let before = try store.ledgerState()
        #expect(try deal(.discard, [.init(id: "7-7")], store).map(\.isFound) == [false])
        #expect(try store.ledgerState() == before)
    }

    @Test func letterKeepsTheFeedThatBroughtItThroughReplays() throws {
        let store = try TestStore()
        let poison = TestStore.incoming(Make.adjustment("p", source: "wms", location: "NOWHERE", by: 3))
        let tenant = store.engine.tenantNumber
        _ = try store.step(.publish(tenant: tenant, events: [poison], origin: EventOrigin(feed: "shop-b")))
        _ = try store.publish(Make.adjustment("q", location: "NOWHERE", by: 1))
        let kept = try letters(store)
        #expect(kept.map(\.feed) == ["shop-b", ""])
        _ = try deal(.replay, [.init(id: kept[0].id, incoming: poison)], store)
        #expect(try letters(store).map(\.feed) == ["shop-b", ""])
    }

    @Test func whatIsTooOldInAReplayIsToldAndNotKept() throws {
        let store = try TestStore { $0.horizonNanoseconds = 60 * .perSecond }
        _ = try store.publish(Make.heartbeat("now"))
        let old = TestStore.incoming(Make.adjustment("old", at: -61, by: 1))
        let lost = TestStore.incoming(Make.adjustment("lost", location: "NOWHERE", by: 1))
        func publish(isReplay: Bool) throws -> [EventResult] {
            let origin = EventOrigin(feed: "files", isReplay: isReplay)
            let command = EngineCommand.publish(tenant: store.engine.tenantNumber, events: [old, lost], origin: origin)
            guard case .published(let results, _) = try store.step(command) else { throw TestFailure.unexpectedReply }
            return results
        }
        let replayed = try publish(isReplay: true)
        #expect(replayed.map(\.outcome) == [.deadLettered, .deadLettered] && replayed[0].reason.hasPrefix("TOO_OLD"))
        #expect(try letters(store).map(\.eventID) == ["lost"] && store.source("a")?.deadLettered == 1)
        _ = try publish(isReplay: false)
        #expect(try letters(store).map(\.eventID) == ["lost", "old"])
    }

    @Test func lettersThatFillTheirBytesRefuseNewPoisonWithItsBatchUntilSomeAreGone() throws {
        let store = try TestStore { $0.deadLetterBytesMax = 10_000 }
        func poison(_ id: String, bytes: Int = 3_000) -> IncomingEvent {
            IncomingEvent(
                event: Make.adjustment(id, location: "NOWHERE", by: 1), original: [UInt8](repeating: 7, count: bytes))
        }
        for id in ["1", "2", "3"] { _ = try store.publish([poison(id)]) }
        let full = EngineError.deadLettersFull(
            "dead letters fill the 10000 bytes of events.dead_letter_bytes_max; discard some")
        let good = TestStore.incoming(Make.adjustment("good", by: 5))
        let tenant = store.engine.tenantNumber
        guard case .failed(let refusal) = try store.step(.publish(tenant: tenant, events: [good, poison("4")]))
        else { throw TestFailure.unexpectedReply }
        #expect(refusal == full)
        #expect(try store.position("S", "WH1") == nil)
        // What is kept already only counts up, and what needs no letter is taken.
        #expect(try store.publish([poison("2"), good]).map(\.outcome) == [.deadLettered, .applied])
        let kept = store.engine.board.deadLetters
        #expect(kept.count == 3 && kept.bytes > 9_000 && kept.bytesMax == 10_000 && kept.areMany)
        #expect(try store.ledgerState().deadLetterBytes == kept.bytes)
        _ = try deal(.discard, [.init(id: try letters(store)[0].id)], store)
        #expect(try store.publish([poison("4")]).map(\.outcome) == [.deadLettered])
        #expect(try store.ledger.verify().isClean)
    }

    @Test func everyReadingOfAPositionIsOneLetter() throws {
        let store = try TestStore()
        for index in 0..<3 {
            let event = Make.snapshot("read-\(index)", source: "sap", location: "OWNED", onHand: Int64(index))
            _ = try store.publish([
                IncomingEvent(event: event, original: Array("\(event)".utf8), contentType: .erpReading)
            ])
        }
        #expect(try letters(store).map(\.attempts) == [3])
        #expect(try letters(store).map(\.eventID) == ["read-2"])
    }

    @Test func aPowerCutBetweenLeavesTheLetterOrItsEffectNeverBoth() throws {
        let store = try TestStore()
        let poison = TestStore.incoming(Make.adjustment("p", location: "NEW", by: 3))
        _ = try store.publish([poison])
        let id = try #require(try letters(store).first?.id)
        let copy = try TestStore(backupOf: store)
        #expect(try letters(copy).map(\.id) == [id])
        var seed = TestStore.seed
        seed.locations.append(Location(id: "NEW", number: 0))
        for each in [store, copy] {
            _ = try each.step(.seed(tenant: each.engine.tenantNumber, seed))
            #expect(try deal(.replay, [.init(id: id, incoming: poison)], each)[0].outcome == .applied)
        }
        let after = try TestStore(backupOf: copy)
        #expect(try letters(after).isEmpty)
        #expect(try after.publish([poison])[0].outcome == .duplicate)
        #expect(try after.position("S", "NEW")?.buckets[.onHand] == 3)
    }

    // MARK: Gaps

    @Test func aWholeReadingEndsAGapThatIsOlder() throws {
        let store = try TestStore()
        _ = try store.publish(Make.heartbeat("1", at: -50, sequence: 1))
        _ = try store.publish(Make.heartbeat("3", at: -30, sequence: 3))
        let tenant = store.engine.tenantNumber
        let early = GapEnd(source: "a", askedNanoseconds: TestStore.now, actor: "erps/sap", reason: "read")
        _ = try store.step(.endGap(tenant: tenant, early))
        #expect(store.source("a")?.gapSinceNanoseconds == TestStore.now)
        store.nowNanoseconds += 60 * .perSecond
        let end = GapEnd(source: "a", askedNanoseconds: TestStore.now + 1, actor: "erps/sap", reason: "read")
        _ = try store.step(.endGap(tenant: tenant, end))
        #expect(store.source("a")?.gapSinceNanoseconds == nil)
        #expect(store.source("a")?.nextSequence == 4)
        #expect(store.source("a")?.watermarkNanoseconds == TestStore.now - 30 * .perSecond)
        #expect(try audit(store).map(\.subject) == ["sources/a"])
        let before = try store.ledgerState()
        _ = try store.step(.endGap(tenant: tenant, end))
        _ = try store.step(
            .endGap(tenant: tenant, GapEnd(source: "b", askedNanoseconds: .max, actor: "x", reason: "")))
        #expect(try store.ledgerState() == before)
    }

    // MARK: The tail

    @Test func theTailHasWhatIsCommittedWhileSomebodyLooks() throws {
        let store = try TestStore()
        let tail = store.engine.board.eventTail
        _ = try store.publish(Make.adjustment("before", by: 1))
        let place = tail.beginWatching()
        _ = try store.publish([
            TestStore.incoming(Make.adjustment("1", by: 1)),
            TestStore.incoming(Make.adjustment("2", location: "NOWHERE", by: 1)),
        ])
        _ = try store.publish(Make.adjustment("1", by: 1))
        let read = tail.read(from: place, limit: 10)
        #expect(read.events.map(\.result.id) == ["1", "2", "1"])
        #expect(read.events.map(\.result.outcome) == [.applied, .deadLettered, .duplicate])
        #expect(read.events[0].sequence == read.events[1].sequence)
        #expect(read.next == place + 3 && read.lost == 0)
        #expect(tail.read(from: place + 1, limit: 1).events.map(\.result.id) == ["2"])
        tail.endWatching()
        _ = try store.publish(Make.adjustment("after", by: 1))
        #expect(tail.read(from: place, limit: 10).events.isEmpty)
        #expect(tail.end == place + 3)
    }

    @Test func theTailKeepsTheNewestAndSaysHowManyAreGone() throws {
        let store = try TestStore()
        let tail = store.engine.board.eventTail
        let place = tail.beginWatching()
        let beats = (0..<EventTail.eventsMax + 7).map { TestStore.incoming(Make.heartbeat("h\($0)")) }
        for start in stride(from: 0, to: beats.count, by: 1_000) {
            _ = try store.publish(Array(beats[start..<min(start + 1_000, beats.count)]))
        }
        let read = tail.read(from: place, limit: 2)
        #expect(read.lost == 7)
        #expect(read.events.map(\.result.id) == ["h7", "h8"])
        let bulky = IncomingEvent(
            event: Make.heartbeat("bulky"), original: [UInt8](repeating: 0, count: 15 << 20))
        _ = try store.publish([bulky])
        let kept = tail.read(from: place, limit: .max / 2)
        #expect(kept.events.last?.result.id == "bulky")
        #expect(kept.events.reduce(0) { $0 + $1.incoming.original.count } <= 16 << 20)
    }
}
