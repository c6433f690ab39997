import Erp
import Foundation
import Inventory
import Testing

@testable import Tryton

/// The adapter against the real Tryton; each test has products of its own, with 100 in WH1 and 40 in WH2.
@Suite(.serialized, .enabled(if: TrytonPeer.isThere, "TRYTON_URL is not set"))
struct TrytonServerTests {
    @Test func holdsAndLetsGo() async throws {
        let peer = try TrytonPeer()
        let hold = peer.hold("SKU-000001", [7, 3], at: ["WH1", "WH2"])
        let replies = try await peer.adapter.reserve([hold], deadline: peer.deadline)
        #expect(replies.quantities == [[7, 3]])

        let position = try await peer.position("SKU-000001")
        #expect(position.onHand == 100)
        #expect(position.allocated == 7)
        #expect(position.contains == [ContainedHold(reservationID: hold.reservationID, lineID: 1, quantity: 7)])
        #expect(try await peer.adapter.lookUp([hold], deadline: peer.deadline) == replies)

        // One line, then the other, then once more.
        let half = peer.hold("SKU-000001", [0, 3], at: ["WH1", "WH2"])
        #expect(try await peer.adapter.release([half], deadline: peer.deadline).quantities == [[3]])
        #expect(try await peer.position("SKU-000001").allocated == 0)
        #expect(try await peer.position("SKU-000001", at: "WH2").allocated == 3)
        let none = peer.hold("SKU-000001", [0, 0], at: ["WH1", "WH2"])
        #expect(try await peer.adapter.release([none], deadline: peer.deadline) == [.answer(.holds([]))])
        #expect(try await peer.adapter.release([none], deadline: peer.deadline) == [.answer(.holds([]))])
        let other = peer.hold("SKU-000001", [0], name: "-other")
        #expect(try await peer.adapter.release([other, none], deadline: peer.deadline).first == .answer(.notFound))
        await peer.adapter.shutDown()
    }

    @Test func holdsAllLinesOrNone() async throws {
        let peer = try TrytonPeer()
        let hold = peer.hold("SKU-000002", [7, 41], at: ["WH1", "WH2"])
        let replies = try await peer.adapter.reserve([hold], deadline: peer.deadline)
        #expect(
            replies == [
                .answer(
                    .holds([
                        ErpLineAnswer(
                            lineID: 1, quantity: 0, reason: "INSUFFICIENT_STOCK: another line of the reservation"),
                        ErpLineAnswer(lineID: 2, quantity: 0, reason: "INSUFFICIENT_STOCK: 40 of 41 at WH2"),
                    ]))
            ])
        #expect(try await peer.position("SKU-000002").allocated == 0)
        #expect(try await peer.position("SKU-000002", at: "WH2").allocated == 0)
        // We cancelled them ourselves, so they may be asked for again.
        #expect(try await peer.adapter.lookUp([hold], deadline: peer.deadline) == [.answer(.notFound)])
        let less = peer.hold("SKU-000002", [7, 40], at: ["WH1", "WH2"])
        #expect(try await peer.adapter.reserve([less], deadline: peer.deadline).quantities == [[7, 40]])
        await peer.adapter.shutDown()
    }

    @Test func aHoldThatComesToNothingTakesNothingFromItsNeighbours() async throws {
        let peer = try TrytonPeer()
        let holds = [80, 50, 15, 20].enumerated().map { peer.hold("SKU-000003", [$1], name: "-\($0)") }
        let unknown = peer.hold("NO-SUCH-SKU", [1], name: "-unknown")
        let replies = try await peer.adapter.reserve(holds + [unknown], deadline: peer.deadline)
        #expect(replies.quantities == [[80], [0], [15], [0], nil])
        #expect(
            replies.last == .failed("Tryton does not have exactly one product with the code NO-SUCH-SKU"))
        #expect(try await peer.position("SKU-000003").allocated == 95)
        await peer.adapter.shutDown()
    }

    @Test func manyAtOnceNeverHoldMoreThanThereIs() async throws {
        // More than there are connections, on a machine that does other things: the last wait for long.
        let peer = try TrytonPeer(requestTimeoutSeconds: 60)
        let replies = try await withThrowingTaskGroup(of: [ErpReply].self) { group in
            for index in 0..<16 {
                group.addTask {
                    try await peer.adapter.reserve(
                        [peer.hold("SKU-000004", [7], name: "-\(index)")], deadline: peer.deadline)
                }
            }
            return try await group.reduce(into: [ErpReply]()) { $0 += $1 }
        }
        #expect(replies.quantities.filter { $0 == [7] }.count == 14)
        #expect(replies.quantities.filter { $0 == [0] }.count == 2)
        #expect(try await peer.position("SKU-000004").allocated == 98)
        await peer.adapter.shutDown()
    }

    @Test func killedBetweenCreateAndAssign() async throws {
        let peer = try TrytonPeer()
        let hold = peer.hold("SKU-000005", [100])
        peer.transport.disturb("assign_try", .before { try peer.signal(SIGKILL) })
        #expect(try await peer.adapter.reserve([hold], deadline: peer.deadline) == [.answer(.unknown)])
        await #expect(throws: ErpFailure.self) { try await peer.adapter.lookUp([hold], deadline: peer.deadline) }
        await #expect(throws: ErpFailure.self) { try await peer.adapter.checkHealth(deadline: peer.deadline) }
        try peer.start()
        try await peer.adapter.checkHealth(deadline: peer.deadline)
        #expect(try await peer.adapter.lookUp([hold], deadline: peer.deadline) == [.answer(.notFound)])
        #expect(try await peer.adapter.reserve([hold], deadline: peer.deadline).quantities == [[100]])
        await peer.adapter.shutDown()
    }

    /// The late call runs beside the look-up. Whichever comes first, the reply stays true.
    @Test(arguments: ["create", "wait", "assign_try"])
    func aCallThatTakesEffectLateHoldsNothingUnseen(method: String) async throws {
        // Only the call that is late is given up soon.
        let (peer, patient) = (try TrytonPeer(requestTimeoutSeconds: 3), try TrytonPeer())
        for round in 0..<2 {
            let hold = peer.hold("SKU-000009", [5], name: "-\(round)")
            try await peer.adapter.checkHealth(deadline: peer.deadline)
            peer.transport.disturb(method, .before { try peer.signal(SIGSTOP) })
            let replies = try? await peer.adapter.reserve([hold], deadline: peer.deadline)
            #expect(replies ?? [.answer(.unknown)] == [.answer(.unknown)])
            try peer.signal(SIGCONT)
            let found = try await patient.lookUpUntilAnswered(hold)
            try await Task.sleep(for: .seconds(1))
            let isHeld = found.quantities == [[5]]
            #expect(isHeld || found == [.answer(.notFound)])
            #expect(try await patient.position("SKU-000009").allocated == (isHeld ? 5 : 0))
            let none = peer.hold("SKU-000009", [0], name: "-\(round)")
            _ = try await patient.adapter.release([none], deadline: patient.deadline)
            #expect(try await patient.position("SKU-000009").allocated == 0)
        }
        await peer.adapter.shutDown()
        await patient.adapter.shutDown()
    }

    @Test func withoutTheUniqueIndexDoublesAreCancelled() async throws {
        let peer = try TrytonPeer()
        try peer.sql("DROP INDEX availability_reservation")
        let hold = peer.hold("SKU-000010", [5])
        peer.transport.disturb("create", .lostAnswer)
        await #expect(throws: ErpFailure.noAnswer("lost")) {
            try await peer.adapter.reserve([hold], deadline: peer.deadline)
        }
        #expect(try await peer.adapter.reserve([hold], deadline: peer.deadline).quantities == [[5]])
        #expect(try await peer.adapter.reserve([hold], deadline: peer.deadline).quantities == [[5]])
        #expect(try await peer.adapter.lookUp([hold], deadline: peer.deadline).quantities == [[5]])
        #expect(try await peer.position("SKU-000010").allocated == 5)
        _ = try await peer.adapter.release([peer.hold("SKU-000010", [0])], deadline: peer.deadline)
        #expect(try await peer.position("SKU-000010").allocated == 0)
        let index = TrytonPeer.root.appendingPathComponent("scripts/erp/reservation-index.sql")
        try peer.sql(String(contentsOf: index, encoding: .utf8))
        await peer.adapter.shutDown()
    }

    @Test(arguments: ["create", "wait", "assign_try", "search_read"])
    func aLostAnswerIsFoundOut(method: String) async throws {
        let peer = try TrytonPeer()
        let hold = peer.hold("SKU-000006", [5])
        peer.transport.disturb(method, .lostAnswer)
        do {
            #expect(try await peer.adapter.reserve([hold], deadline: peer.deadline) == [.answer(.unknown)])
        } catch {
            #expect(method == "create")
            #expect(error == .noAnswer("lost"))
        }
        let found = try await peer.adapter.lookUp([hold], deadline: peer.deadline)
        if method == "create" || method == "wait" {
            #expect(found == [.answer(.notFound)])
            #expect(try await peer.position("SKU-000006").allocated == 0)
        } else {
            #expect(found.quantities == [[5]])
        }
        let none = peer.hold("SKU-000006", [0])
        _ = try await peer.adapter.release([none], deadline: peer.deadline)
        #expect(try await peer.position("SKU-000006").allocated == 0)
        await peer.adapter.shutDown()
    }

    @Test func theSameReserveTwiceHoldsOnce() async throws {
        let peer = try TrytonPeer()
        let hold = peer.hold("SKU-000007", [60])
        let first = try await peer.adapter.reserve([hold], deadline: peer.deadline)
        #expect(try await peer.adapter.reserve([hold], deadline: peer.deadline) == first)
        #expect(try await peer.position("SKU-000007").allocated == 60)
        await peer.adapter.shutDown()
    }

    @Test func whatPeopleDoThereIsFoundOut() async throws {
        let peer = try TrytonPeer()
        let hold = peer.hold("SKU-000008", [10])
        let replies = try await peer.adapter.reserve([hold], deadline: peer.deadline)
        let confirmed = peer.hold("SKU-000008", [10], reference: "1")

        // Taken back and still there to be had: assigned again.
        try await peer.clerk("wait", to: hold)
        #expect(try await peer.adapter.lookUp([confirmed], deadline: peer.deadline) == replies)
        try await peer.clerk("pick", to: hold)
        #expect(try await peer.adapter.lookUp([confirmed], deadline: peer.deadline) == replies)
        let picked = try await peer.position("SKU-000008")
        #expect((picked.onHand, picked.allocated, picked.contains.map(\.quantity)) == (100, 10, [10]))
        try await peer.clerk("pack", to: hold)
        let packed = try await peer.position("SKU-000008")
        #expect((packed.onHand, packed.allocated, packed.contains.map(\.quantity)) == (100, 10, [10]))
        try await peer.clerk("ship", "do", to: hold)
        #expect(try await peer.adapter.lookUp([confirmed], deadline: peer.deadline) == [.answer(.shipped)])
        let none = peer.hold("SKU-000008", [0])
        #expect(try await peer.adapter.release([none], deadline: peer.deadline) == [.answer(.shipped)])
        let shipped = try await peer.position("SKU-000008")
        #expect((shipped.onHand, shipped.allocated, shipped.contains.count) == (90, 0, 0))

        let second = peer.hold("SKU-000008", [10], name: "-2")
        _ = try await peer.adapter.reserve([second], deadline: peer.deadline)
        try await peer.clerk("cancel", to: second)
        #expect(try await peer.adapter.lookUp([second], deadline: peer.deadline) == [.answer(.cancelled)])
        await peer.adapter.shutDown()
    }

    @Test func pagesFollowEachOther() async throws {
        let peer = try TrytonPeer()
        var skus: [String] = []
        var next: String? = ""
        while let after = next {
            let page = try await peer.adapter.readPositions(
                locations: ["WH1", "WH2"], after: after, limit: 20, deadline: peer.deadline)
            #expect(page.positions.count <= 40)
            skus += page.positions.map(\.sku)
            next = page.next
        }
        #expect(skus.count == 100)
        #expect(skus == skus.sorted())
        await peer.adapter.shutDown()
    }

    @Test func namedSkusAreReadAsInAWholeReading() async throws {
        let peer = try TrytonPeer()
        let positions = try await peer.adapter.readPositions(
            skus: ["SKU-000030", "SKU-000011", "NO-SUCH-SKU"], locations: ["WH1", "WH2"], deadline: peer.deadline)
        let page = try await peer.adapter.readPositions(
            locations: ["WH1", "WH2"], after: "", limit: 100, deadline: peer.deadline)
        #expect(positions == page.positions.filter { ["SKU-000011", "SKU-000030"].contains($0.sku) })
        #expect(positions.count == 4)
        await peer.adapter.shutDown()
    }

    @Test func changesAreToldOnceByTheMovesThatMadeThem() async throws {
        let peer = try TrytonPeer()
        func changes(_ mark: ErpChangeMark, limit: Int = 100) async throws -> ErpChangePage {
            try await peer.adapter.changes(at: ["WH1"], after: mark, limit: limit, deadline: peer.deadline)
        }
        func newest() async throws -> ErpChangeMark {
            try #require(try await peer.adapter.newestChange(at: ["WH1"], deadline: peer.deadline))
        }
        let start = try await newest()
        #expect(try await changes(start) == ErpChangePage(changes: [], reached: nil, hasMore: false))
        let hold = peer.hold("SKU-000012", [7, 3], at: ["WH1", "WH2"])
        _ = try await peer.adapter.reserve([hold], deadline: peer.deadline)
        let held = try await changes(start)
        #expect(!held.changes.isEmpty && !held.hasMore, "what is assigned changes a figure")
        #expect(Set(held.changes.flatMap(\.places)) == [ErpPlace(sku: "SKU-000012", location: "WH1")])
        #expect(held.reached == held.changes.last?.mark)
        #expect(try await newest() == held.reached)

        // Page by page the same; from the last one's time on, it again.
        var mark = start
        var paged: [ErpChange] = []
        while true {
            let page = try await changes(mark, limit: 1)
            paged += page.changes
            guard let reached = page.reached, page.hasMore else { break }
            mark = reached
        }
        #expect(paged == held.changes)
        let last = try #require(held.reached)
        let again = try await changes(ErpChangeMark(beforeNanoseconds: last.timeNanoseconds))
        #expect(again.changes.last?.mark == last)

        try await peer.clerk("pick", to: hold)
        let picked = try await changes(last)
        #expect(Set(picked.changes.flatMap(\.places)) == [ErpPlace(sku: "SKU-000012", location: "WH1")])
        await peer.adapter.shutDown()
    }

    @Test func anEndedSessionIsBegunAnew() async throws {
        let peer = try TrytonPeer()
        try await peer.adapter.checkHealth(deadline: peer.deadline)
        _ = try await peer.adapter.client.call("common.db.logout", [], deadline: peer.deadline)
        try await peer.adapter.checkHealth(deadline: peer.deadline)
        await peer.adapter.shutDown()
    }

    @Test func whatCannotWorkIsTold() async throws {
        let peer = try TrytonPeer()
        await peer.adapter.shutDown()
        func failure(_ change: (inout TrytonSettings) -> Void) async -> ErpFailure? {
            var settings = peer.settings
            change(&settings)
            let adapter = TrytonAdapter(settings, alarm: alarm)
            defer { Task { await adapter.shutDown() } }
            do throws(ErpFailure) {
                _ = try await adapter.readPositions(
                    locations: ["WH1"], after: "", limit: 1, deadline: .now + .seconds(20))
                return nil
            } catch { return error }
        }
        #expect(
            await failure { $0.user = "nobody" }
                == .misconfigured("Tryton does not accept the user or the password"))
        #expect(
            await failure { $0.company = "Other" } == .misconfigured("the user does not work for the company Other"))
        #expect(
            await failure { $0.warehouses = ["WH1": "NONE"] }
                == .misconfigured("Tryton has no stock.location with the code NONE"))
        guard case .notSent = await failure({ $0.url = "http://127.0.0.1:1" }) else {
            Issue.record("a refused connection is not sent")
            return
        }
    }
}
