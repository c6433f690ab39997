import Engine
import Inventory
import Ledger
import Testing

@Suite struct ChannelUpdateTests {
    private func update(
        _ store: TestStore, share: Int = 50, etag: String = "", id: String = "web", allowMissing: Bool = false,
        validateOnly: Bool = false, sourcing: [String] = ["WH1"]
    ) throws -> EngineReply {
        var policy = ChannelPolicy()
        policy.sourcing = sourcing
        policy.terms.sharePercent = share
        return try store.step(
            .updateChannel(
                tenant: store.engine.tenantNumber,
                ChannelUpdate(
                    channelID: id, displayName: "", policy: policy, etag: etag, allowMissing: allowMissing,
                    validateOnly: validateOnly, actor: "ops", reason: "test", requestID: "r1")))
    }

    @Test func anUpdateIsANewVersionWithAnAuditEntryAndIsReadAtOnce() throws {
        let store = try TestStore()
        guard case .channel(let channel) = try update(store, etag: "v1") else { throw TestFailure.unexpectedReply }
        #expect(channel.policyVersion == 2)
        #expect(store.engine.board.state.channel("web")?.channel.policy.terms.sharePercent == 50)
        let reader = try store.ledger.makeReader()
        try reader.renew()
        var entries: [AuditEntry] = []
        try reader.forEachAuditEntry(AuditEntry.self, tenant: store.engine.tenantNumber) { _, entry in
            entries.append(entry)
            return true
        }
        #expect(entries.map(\.action) == [.updateChannel, .updateChannel])
        #expect(entries.last?.channelBefore?.policyVersion == 1)
        #expect(entries.last?.actor == "ops")
    }

    @Test func aDecisionThatIsOnlyNotedIsAnEntryOfLedgerTime() throws {
        let store = try TestStore()
        let decision = NotedDecision(
            action: .retryErpWrite, subject: "reservations/r-1/erps/sap", channel: "web", actor: "ann",
            reason: "mended", requestID: "r1")
        // The wall clock runs back; the log's order does not.
        let time = EngineTime(wallNanoseconds: TestStore.now - 1, ledgerNanoseconds: TestStore.now + 7)
        _ = store.engine.step([.note(tenant: store.engine.tenantNumber, decision)], time: time)
        let reader = try store.ledger.makeReader()
        try reader.renew()
        var newest: AuditEntry?
        try reader.forEachAuditEntryBackwards(AuditEntry.self, tenant: store.engine.tenantNumber) { _, _, entry in
            newest = entry
            return false
        }
        var expected = AuditEntry(
            sequence: reader.sequence, timeNanoseconds: TestStore.now + 7, actor: "ann", action: .retryErpWrite,
            subject: "reservations/r-1/erps/sap", reason: "mended", requestID: "r1")
        expected.channel = "web"
        #expect(newest == expected)
    }

    @Test func anOldEtagIsRefusedAndNamesTheCurrentOne() throws {
        let store = try TestStore()
        _ = try update(store)
        guard case .failed(let error) = try update(store, etag: "v1") else { throw TestFailure.unexpectedReply }
        #expect(error == .etagMismatch(current: "v2"))
    }

    @Test func validateOnlyChangesNothing() throws {
        let store = try TestStore()
        guard case .channel(let channel) = try update(store, validateOnly: true) else {
            throw TestFailure.unexpectedReply
        }
        #expect(channel.policyVersion == 2)
        #expect(store.engine.board.state.channel("web")?.channel.policyVersion == 1)
    }

    @Test func aBadPolicyNamesItsField() throws {
        let store = try TestStore()
        guard case .failed(.invalidField(let path, _)) = try update(store, sourcing: ["NOWHERE"]) else {
            throw TestFailure.unexpectedReply
        }
        #expect(path == "channel.policy.sourcing[0]")
    }

    @Test func aMissingChannelIsOnlyCreatedWhenAllowed() throws {
        let store = try TestStore()
        guard case .failed(let error) = try update(store, id: "new") else { throw TestFailure.unexpectedReply }
        #expect(error == .channelNotFound("new"))
        guard case .channel(let channel) = try update(store, id: "new", allowMissing: true) else {
            throw TestFailure.unexpectedReply
        }
        #expect(channel.policyVersion == 1)
    }

    @Test func aSeedAddsWhatIsMissingAndOverwritesNothing() throws {
        let store = try TestStore()
        _ = try update(store)
        var seed = TestStore.seed
        seed.locations.append(Location(id: "WH9", number: 0))
        guard case .done = try store.step(.seed(tenant: store.engine.tenantNumber, seed)) else {
            throw TestFailure.unexpectedReply
        }
        #expect(store.engine.board.state.channel("web")?.channel.policyVersion == 2)
        #expect(store.engine.board.state.directory.number(of: "WH9") != nil)
    }

    @Test func aSeedThatDoesNotFitLeavesNothingBehind() throws {
        let store = try TestStore()
        var seed = CatalogueSeed(locations: [Location(id: "WH9", number: 0)])
        seed.groups = [LocationGroup(id: "BAD", members: ["NOWHERE"])]
        guard case .failed(.invalidField) = try store.step(.seed(tenant: store.engine.tenantNumber, seed)) else {
            throw TestFailure.unexpectedReply
        }
        #expect(store.engine.board.state.directory.number(of: "WH9") == nil)
        #expect(try store.publish(Make.snapshot("1", onHand: 1)).outcome == .applied)
    }
}
