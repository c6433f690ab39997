import Glibc
import Inventory
import Testing

@testable import Ledger

/// Kills a writing process around its commits, again and again over one directory, and looks at what is left.
@Suite(.serialized) struct CrashTests {
    let directory = TemporaryDirectory()

    @Test(arguments: Failpoint.allCases)
    func killedAtAFailpointNothingAcknowledgedIsLostAndNoBatchIsHalf(failpoint: Failpoint) throws {
        let seed = testSeed()
        var generator = SeededGenerator(state: seed)
        var acknowledged: UInt64 = 0
        for round in 0..<12 {
            let hits = Int.random(in: 1...40, using: &generator)
            let child = try CrashChild(["crash", directory.ledger, failpoint.rawValue, "\(hits)"])
            acknowledged = try readAcknowledgements(of: child, after: acknowledged)
            child.kill()
            acknowledged = try check(
                acknowledged: acknowledged, allowing: failpoint == .afterCommit || failpoint == .beforeReply ? 1 : 0,
                "seed \(seed), round \(round), hit \(hits)")
        }
    }

    @Test func killedFromOutsideAtAnyMomentNothingAcknowledgedIsLost() throws {
        let seed = testSeed()
        var generator = SeededGenerator(state: seed)
        var acknowledged: UInt64 = 0
        for round in 0..<25 {
            let child = try CrashChild(["crash", directory.ledger, "none", "0"])
            for _ in 0..<Int.random(in: 1...30, using: &generator) {
                guard let line = child.readLine(), let sequence = UInt64(line) else { break }
                acknowledged = sequence
            }
            Glibc.usleep(UInt32.random(in: 0...400, using: &generator))
            child.kill()
            acknowledged = max(acknowledged, try readAcknowledgements(of: child, after: acknowledged))
            acknowledged = try check(acknowledged: acknowledged, allowing: 1, "seed \(seed), round \(round)")
        }
    }

    /// The last sequence the child says is durable; they come without a gap.
    private func readAcknowledgements(of child: CrashChild, after former: UInt64) throws -> UInt64 {
        var last = former
        while let line = child.readLine() {
            let sequence = try #require(UInt64(line), "\(line)")
            #expect(sequence == last + 1)
            last = sequence
        }
        return last
    }

    /// Reopens and checks; returns the sequence found, which may be `allowing` ahead of what was acknowledged.
    private func check(acknowledged: UInt64, allowing: UInt64, _ context: Comment) throws -> UInt64 {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let report = try ledger.verify()
        #expect(report.isClean, "\(context): \(report.problems)")
        let reader = try ledger.makeReader()
        try reader.renew()
        let sequence = reader.sequence
        #expect(sequence >= acknowledged && sequence <= acknowledged + allowing, context)
        #expect(report.auditEntries == sequence, context)
        #expect(report.eventIDs == sequence, context)
        #expect(try reader.event(tenant: 1, source: 1, id: "event-\(sequence + 1)") == nil, context)
        for batch in sequence - min(sequence, 6)..<sequence + 1 where batch > 0 {
            #expect(try reader.event(tenant: 1, source: 1, id: "event-\(batch)")?.sequence == batch, context)
            let value = Int64(batch)
            #expect(try reader.onHand("sku-\(batch % 7)") == [1: value, 2: value, 3: value], context)
        }
        if sequence > 0 {
            #expect(try reader.document(UInt64.self, tenant: 1, kind: .sourceProgress, id: "last") == sequence, context)
        }
        return sequence
    }
}
