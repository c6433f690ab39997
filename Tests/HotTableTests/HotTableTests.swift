import Foundation
import HotTable
import Inventory
import Synchronization
import Testing

@Suite struct HotTableTests {
    /// Random puts and changes against a dictionary, with skus of every length, rows that grow and an index that grows.
    @Test(arguments: 0..<10)
    func tableKeepsWhatADictionaryKeeps(round: UInt64) throws {
        let seed = 0xD1C7 + round
        var random = SplitMix64(state: seed)
        let table = try #require(HotTable(bytesMax: 8 << 20, seed: seed))
        table.load { $0.finish() }
        let skus = (0..<3_000).map { makeSKU($0) }
        var kept: [String: [LocationNumber: StockFigures]] = [:]
        for step in 0..<20_000 {
            let sku = skus[Int.random(in: 0..<skus.count, using: &random)]
            let location = LocationNumber.random(in: 1...6, using: &random)
            let figures = makeFigures(&random)
            kept[sku, default: [:]][location] = figures
            table.apply([HotTable.Change(sku: sku, location: location, figures: figures)], sequence: UInt64(step))
        }
        for sku in skus { #expect(table.contents(of: sku) == .some(kept[sku] ?? [:]), "seed \(seed): \(sku)") }
        let statistics = table.statistics
        #expect(statistics.skus == kept.count)
        #expect(statistics.positions == kept.values.reduce(0) { $0 + $1.count })
        #expect(statistics.bytes <= statistics.bytesMax)
    }

    @Test func skuOfMoreLocationsThanARowHoldsIsLeftToTheLedger() throws {
        let table = try #require(HotTable(bytesMax: 4 << 20, seed: 1))
        table.load { $0.finish() }
        var random = SplitMix64(state: 2)
        for location in 1...LocationNumber(1_000) {
            table.apply([.init(sku: "A", location: location, figures: makeFigures(&random))], sequence: 1)
        }
        #expect(table.contents(of: "A")??.count == 1_000)
        table.apply([.init(sku: "A", location: 1_001, figures: makeFigures(&random))], sequence: 2)
        #expect(table.contents(of: "A") == .some(nil))
        table.apply([.init(sku: "A", location: 1, figures: makeFigures(&random))], sequence: 3)
        #expect(table.contents(of: "A") == .some(nil))
    }

    @Test func figuresThatDoNotFitAreLeftToTheLedger() throws {
        let table = try #require(HotTable(bytesMax: 1 << 20, seed: 1))
        table.load { $0.finish() }
        var random = SplitMix64(state: 2)
        for (sku, change) in [
            ("U", { $0.unreserved = 1 << 31 }), ("N", { $0.unreserved = -(1 << 31) - 1 }),
            ("S", { $0.safetyStock = 1 << 31 }), ("T", { $0.inTransit = 1 << 40 }),
        ] as [(String, (inout StockFigures) -> Void)] {
            var figures = makeFigures(&random)
            table.apply([.init(sku: sku, location: 1, figures: figures)], sequence: 1)
            #expect(table.contents(of: sku) == .some([1: figures]))
            change(&figures)
            table.apply([.init(sku: sku, location: 1, figures: figures)], sequence: 2)
            #expect(table.contents(of: sku) == .some(nil), "\(sku)")
        }
    }

    @Test func fullTableKeepsItsBoundAndLeavesTheRestToTheLedger() throws {
        let table = try #require(HotTable(bytesMax: 1 << 20, seed: 1))
        table.load { $0.finish() }
        var random = SplitMix64(state: 3)
        var kept: [String: StockFigures] = [:]
        for index in 0..<20_000 {
            let figures = makeFigures(&random)
            kept["SKU-\(index)"] = figures
            table.apply([.init(sku: "SKU-\(index)", location: 1, figures: figures)], sequence: UInt64(index))
        }
        let statistics = table.statistics
        #expect(statistics.bytes <= 1 << 20)
        #expect(!statistics.isComplete)
        var answered = 0
        for (sku, figures) in kept {
            guard case .some(.some(let contents)) = table.contents(of: sku) else { continue }
            #expect(contents == [1: figures])
            answered += 1
        }
        #expect(answered == statistics.skus)
        #expect(table.contents(of: "UNKNOWN") == .some(nil), "not found is not unknown in a table that left some out")
    }

    /// Two skus always add up to the same; readers that check the version never see otherwise, torn or not.
    @Test func readersBesideAWriterUseOnlyWhatBelongsTogether() throws {
        let table = try #require(HotTable(bytesMax: 4 << 20, seed: 9))
        table.load { $0.finish() }
        let race = Race(table)
        for step in 0...200 { race.write(step) }
        for _ in 0..<2 { Thread.detachNewThread { race.read() } }
        var step = 0
        // On a busy machine readers may come late.
        while race.used.load(ordering: .relaxed) < 1_000 || step < 30_000 {
            step += 1
            race.write(step)
        }
        race.isOver.store(true, ordering: .relaxed)
        #expect(race.wrong.load(ordering: .relaxed) == 0)
    }

    /// 1 to 64 bytes, each different.
    private func makeSKU(_ index: Int) -> String {
        let digits = String(index)
        return digits + String(repeating: "x", count: index * 31 % (65 - digits.count))
    }

    private func makeFigures(_ random: inout SplitMix64) -> StockFigures {
        StockFigures(
            unreserved: Int64.random(in: -1_000...(1 << 30), using: &random),
            safetyStock: Int64.random(in: 0...100, using: &random),
            inTransit: Int64.random(in: 0...100, using: &random),
            authoritativeTimeNanoseconds: Int64.random(in: 0...(1 << 62), using: &random),
            authoritativeSource: SourceNumber.random(in: 0...10_000, using: &random))
    }
}

/// A writer and readers of one table.
private final class Race: Sendable {
    let isOver = Atomic<Bool>(false)
    /// Reads that were valid, and those of them that were wrong.
    let used = Atomic<Int>(0)
    let wrong = Atomic<Int>(0)
    private let table: HotTable

    init(_ table: HotTable) {
        self.table = table
    }

    /// Others come and grow at the same time, so that rows move and the index is made anew.
    func write(_ step: Int) {
        let units = Int64(step % 1_000)
        let more = step % 15_000
        table.apply(
            [
                .init(sku: "ONE", location: 1, figures: figures(units)),
                .init(sku: "OTHER", location: 2, figures: figures(1_000 - units)),
                .init(sku: "MORE-\(more % 5_000)", location: LocationNumber(more / 5_000 + 1), figures: figures(1)),
            ], sequence: UInt64(step))
    }

    func read() {
        while !isOver.load(ordering: .relaxed) {
            guard let version = table.beginRead() else { continue }
            let sequence = table.sequence
            let (one, other) = (table.contents(of: "ONE"), table.contents(of: "OTHER"))
            guard table.isUnchanged(since: version) else { continue }
            let units = Int64(sequence % 1_000)
            if one != .some([1: figures(units)]) || other != .some([2: figures(1_000 - units)]) {
                wrong.add(1, ordering: .relaxed)
            }
            used.add(1, ordering: .relaxed)
        }
    }

    private func figures(_ units: Int64) -> StockFigures {
        StockFigures(
            unreserved: units, safetyStock: units, inTransit: -units, authoritativeTimeNanoseconds: units,
            authoritativeSource: 1)
    }
}

extension HotTable {
    /// What a look-up gives; `.some(nil)`: ask the ledger. Twice optional, so that both are told apart in one expression.
    fileprivate func contents(of sku: String) -> [LocationNumber: StockFigures]?? {
        var sku = sku
        return sku.withUTF8 { bytes -> [LocationNumber: StockFigures]?? in
            let bytes = UnsafeRawBufferPointer(bytes)
            switch find(bytes, hash: hash(bytes)) {
            case .askLedger: return .some(nil)
            case .absent: return [:]
            case .row(let row):
                // Torn, a row may name a location twice.
                return Dictionary((0..<row.count).map { row.figures(at: $0) }, uniquingKeysWith: { $1 })
            }
        }
    }
}

/// A small seeded generator (Steele, Lea and Flood's SplitMix64), so that a failing seed replays.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
