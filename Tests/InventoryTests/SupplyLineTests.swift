import Testing

@testable import Inventory

private func figure(
    _ quantity: Int64, at time: Int64, expected: Int64 = 100, backordered: Int64 = 0, id: String = "f",
    isCancelled: Bool = false
) -> SupplyFigure {
    SupplyFigure(
        occurredAtNanoseconds: time, source: 1, id: id, quantity: quantity, expectedAtNanoseconds: expected,
        backordered: backordered, isCancelled: isCancelled)
}

private func receipt(_ units: Int64, at time: Int64, id: String = "r", mayLower: Bool = true) -> SupplyReceipt {
    SupplyReceipt(
        occurredAtNanoseconds: time, key: OrderKey(primary: time, isAbsolute: false, source: 2, id: id), units: units,
        mayLowerIncoming: mayLower)
}

/// A line whose every event is settled at once, as the engine does, with a time line on which everything has its place.
@dynamicMemberLookup
private final class Supply {
    var line = SupplyLine()
    let receiptsMax: Int

    init(receiptsMax: Int = Limits.receiptsPerSupplyMax) {
        self.receiptsMax = receiptsMax
    }

    subscript<Value>(dynamicMember path: KeyPath<SupplyLine, Value>) -> Value { line[keyPath: path] }

    /// Whether it was news.
    func hear(_ told: SupplyFigure) -> Bool {
        let isNews = line.tell(told)
        settle()
        return isNews
    }

    func hear(_ received: SupplyReceipt) {
        line.receive(received)
        settle()
    }

    private func settle() {
        for index in line.receipts.indices {
            line.setEffect(line.wantedEffect(of: line.receipts[index]), at: index)
        }
        line.compact(receiptsMax: receiptsMax)
    }

    var lowered: Int64 { line.receipts.reduce(0) { $0 + $1.effect } }
}

@Suite struct SupplyLineTests {
    @Test func receiptsAfterTheFigureLowerWhatIsOpenAndThoseBeforeAreInIt() {
        let line = Supply()
        #expect(line.hear(figure(10, at: 5)))
        line.hear(receipt(3, at: 4, id: "before"))
        line.hear(receipt(2, at: 5, id: "then"))
        #expect(line.open == 10 && line.receipts.isEmpty)
        line.hear(receipt(4, at: 6, id: "after"))
        #expect(line.open == 6)
        line.hear(receipt(9, at: 7, id: "more than was left"))
        #expect(line.open == 0 && line.dated == nil)
    }

    @Test func anOlderFigureNeverWins() {
        let line = Supply()
        #expect(line.hear(figure(10, at: 5)))
        #expect(!line.hear(figure(50, at: 4, id: "older")))
        #expect(line.open == 10)
        #expect(line.hear(figure(8, at: 6, expected: 200, id: "dated anew")))
        #expect(line.dated == DatedSupply(timeNanoseconds: 200, incoming: 8, backordered: 0))
    }

    @Test func whatIsCancelledComesNoMoreUntilItIsToldAnew() {
        let line = Supply()
        let cancelled = figure(0, at: 6, expected: 0, id: "c", isCancelled: true)
        #expect(line.hear(cancelled))
        #expect(!line.hear(figure(10, at: 5)) && line.open == 0)
        // Of the same moment: less is promised.
        #expect(!line.hear(figure(10, at: 6, id: "z")))
        #expect(line.hear(figure(7, at: 7, id: "again")) && line.open == 7)
    }

    @Test func aReceiptOfWhatNobodyToldOfLowersTheUndatedUntilItIsTold() {
        let line = Supply()
        line.hear(receipt(3, at: 4))
        line.hear(receipt(2, at: 5, id: "not ours to lower", mayLower: false))
        #expect(line.lowered == -3 && line.open == 0)
        #expect(line.hear(figure(10, at: 4, id: "f")))
        #expect(line.lowered == 0 && line.open == 8)
    }

    @Test func backordersStayDueUntilTheSourceTellsOfItAnew() {
        let line = Supply()
        #expect(line.hear(figure(5, at: 1, backordered: 4)))
        line.hear(receipt(5, at: 2))
        #expect(line.dated == DatedSupply(timeNanoseconds: 100, incoming: 0, backordered: 4))
        #expect(line.hear(figure(0, at: 3, id: "done")) && line.dated == nil)
    }

    @Test func receiptsTooManyToTellApartLowerWhatIsOpenAllTheSame() {
        let line = Supply(receiptsMax: 3)
        #expect(line.hear(figure(100, at: 1)))
        for time in Int64(2)...9 { line.hear(receipt(1, at: time, id: "\(time)")) }
        #expect(line.receipts.count == 3 && line.open == 92)
        // A figure from among those counts all of them as after it.
        #expect(line.hear(figure(100, at: 4, id: "late")) && line.open == 92)
        #expect(line.hear(figure(100, at: 6, id: "later")) && line.open == 97)
    }

    @Test func onlyWhatIsClosedAndPastIsOver() {
        let line = Supply()
        #expect(line.hear(figure(5, at: 10)))
        #expect(!line.line.isOver(beforeNanoseconds: 1_000))
        line.hear(receipt(5, at: 20))
        #expect(!line.line.isOver(beforeNanoseconds: 20) && line.line.isOver(beforeNanoseconds: 21))
        let untold = Supply()
        untold.hear(receipt(5, at: 20))
        #expect(!untold.line.isOver(beforeNanoseconds: 20) && untold.line.isOver(beforeNanoseconds: 21))
    }

    @Test func anyOrderOfArrivalComesToTheSame() {
        var random = SplitMix64(seed: makeTestSeed())
        for _ in 0..<300 {
            let told: [(SupplyFigure?, SupplyReceipt?)] = (0..<7).map { index in
                let time = Int64.random(in: 1...4, using: &random)
                let units = Int64.random(in: 1...9, using: &random)
                if random.chance(50) { return (nil, receipt(units, at: time, id: "\(index)")) }
                let isCancelled = random.chance(25)
                return (
                    figure(isCancelled ? 0 : units, at: time, id: "\(index)", isCancelled: isCancelled), nil
                )
            }
            func line(_ arranged: [(SupplyFigure?, SupplyReceipt?)]) -> Supply {
                let line = Supply()
                for (figure, receipt) in arranged {
                    if let figure { _ = line.hear(figure) }
                    if let receipt { line.hear(receipt) }
                }
                return line
            }
            let one = line(told)
            let other = line(told.shuffled(using: &random))
            #expect(one.line == other.line, "\(told)")
            // From the whole set at once.
            let newest = told.compactMap(\.0).max { $1.isNewer(than: $0) }
            let after = told.compactMap(\.1).filter { $0.occurredAtNanoseconds > newest?.occurredAtNanoseconds ?? 0 }
            let came = after.reduce(0) { $0 + $1.units }
            #expect(one.open == newest.map { max(0, $0.quantity - came) } ?? 0)
            #expect(one.lowered == (newest == nil ? -came : 0))
        }
    }
}
