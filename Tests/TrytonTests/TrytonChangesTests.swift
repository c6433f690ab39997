import Erp
import Inventory
import Synchronization
import Testing

@testable import Tryton

/// What Tryton's moves tell, against answers made up here: the warehouse is 10, with the storage 11 and the output 12.
@Suite struct TrytonChangesTests {
    private static let second: Int64 = 1_763_692_800

    private static func move(
        _ id: Int, at second: Int64, code: TrytonValue = "A", from: TrytonValue = nil, to: TrytonValue = 10,
        state: TrytonValue = "done", createdAt created: Int64 = 1
    ) -> TrytonValue {
        [
            "id": .id(id), "write_date": .time(second * .perSecond), "create_date": .time(created * .perSecond),
            "state": state, "product.": ["code": code], "from_location.": ["warehouse": from],
            "to_location.": ["warehouse": to],
        ]
    }

    private func changes(
        _ moves: [TrytonValue], after mark: ErpChangeMark = ErpChangeMark(beforeNanoseconds: 0), limit: Int = 10
    ) async throws -> ErpChangePage {
        let (adapter, _) = scriptedAdapter { method, _ in
            .result(method == "model.stock.move.search_read" ? .list(moves) : nil)
        }
        return try await adapter.changes(at: ["WH1"], after: mark, limit: limit, deadline: soon)
    }

    @Test func moveIsAChangeOfTheWarehousesThatItTouches() async throws {
        let page = try await changes([
            Self.move(1, at: Self.second), Self.move(2, at: Self.second, from: 10, to: 99),
            Self.move(3, at: Self.second + 1, from: 98, to: 99), Self.move(4, at: Self.second + 2, code: nil),
        ])
        let place = ErpPlace(sku: "A", location: "WH1")
        #expect(page.changes.map(\.places) == [[place], [place], [], []])
        #expect(page.changes.map(\.mark.record) == [1, 2, 3, 4])
        #expect(page.reached == ErpChangeMark(timeNanoseconds: (Self.second + 2) * .perSecond, record: 4))
        #expect(!page.hasMore)
    }

    @Test func draftThatWasOnlyMadeChangesNothingAndOneThatWasTakenBackDoes() async throws {
        let page = try await changes([
            Self.move(1, at: Self.second, state: "draft", createdAt: Self.second),
            Self.move(2, at: Self.second, state: "draft"),
            Self.move(3, at: Self.second, state: "done", createdAt: Self.second),
        ])
        #expect(page.changes.map(\.places.count) == [0, 1, 1])
    }

    @Test func fullPageHasMore() async throws {
        let moves = [Self.move(1, at: Self.second), Self.move(2, at: Self.second)]
        #expect(try await changes(moves, limit: 2).hasMore)
        #expect(try await changes([]) == ErpChangePage(changes: [], reached: nil, hasMore: false))
    }

    @Test func asksForWhatLiesBehindTheMark() async throws {
        let asked = Mutex<[TrytonValue]>([])
        let (adapter, _) = scriptedAdapter { method, params in
            if method == "model.stock.move.search_read" { asked.withLock { $0.append(params[0]) } }
            return .result([])
        }
        let time = Self.second * .perSecond
        for mark in [ErpChangeMark(beforeNanoseconds: time), ErpChangeMark(timeNanoseconds: time, record: 7)] {
            _ = try await adapter.changes(at: ["WH1"], after: mark, limit: 5, deadline: soon)
        }
        let told = TrytonValue.time(time)
        #expect(
            asked.withLock { $0.compactMap(\.list.first) } == [
                ["write_date", ">=", told],
                ["OR", ["write_date", ">", told], [["write_date", "=", told], ["id", ">", 7]]],
            ])
        let touches: TrytonValue = [
            "OR", ["from_location", "child_of", [11, 12], "parent"], ["to_location", "child_of", [11, 12], "parent"],
        ]
        #expect(asked.withLock { $0.allSatisfy { $0.list.last == touches } })
        #expect(try await adapter.newestChange(at: ["WH1"], deadline: soon) == nil)
    }

    @Test func moveWithoutATimeIsNotUnderstood() async {
        await #expect(throws: ErpFailure.misconfigured("Tryton's moves are not understood")) {
            _ = try await changes([["id": 1, "write_date": nil]])
        }
    }
}
