import HotTable
import Inventory
import Ledger
import Testing

@testable import Engine

/// The hot table is never the truth: after every kind of change, and however loading and commits interleave, it tells
/// what the ledger tells.
@Suite struct HotTableFeedingTests {
    @Test(arguments: 0..<20)
    func tableTellsWhatTheLedgerTells(round: UInt64) throws {
        let seed = 0x407_0000 + round
        let table = try #require(HotTable(bytesMax: 1 << 20, seed: seed))
        let world = ChangingStore(try TestStore(hotTable: table), seed: seed)
        for _ in 0..<30 { try world.change() }
        var pages = try HotTablePages(
            table: table, ledger: world.store.ledger, tenant: world.store.engine.tenantNumber, skusPerPage: 3)
        var isLoading = true
        while isLoading {
            #expect(table.beginRead() == nil, "a table that is loading does not answer")
            isLoading = try pages.load()
            for _ in 0..<Int.random(in: 0...3, using: &world.random) { try world.change() }
        }
        try world.compare(table)
        for _ in 0..<60 {
            try world.change()
            try world.compare(table)
        }
        #expect(table.statistics.isComplete)
    }

    @Test func tableLoadedAfterARestartTellsTheSame() throws {
        let world = ChangingStore(try TestStore(), seed: 0x5EED)
        for _ in 0..<200 { try world.change() }
        let table = try #require(HotTable(bytesMax: 1 << 20, seed: 1))
        try HotTableLoader(table: table, ledger: world.store.ledger, tenant: world.store.engine.tenantNumber).run()
        try world.compare(table)
    }
}

/// A store to which random changes of every kind happen.
private final class ChangingStore {
    private static let skus = (0..<40).map { "SKU-\($0 * 7919 % 1000)" }
    private static let locations = ["WH1", "WH2", "OWNED", "COUNTED"]

    let store: TestStore
    let seed: UInt64
    var random: SeededRandom
    private var counter = 0
    /// Skus that once had a figure the table has no room for; such a sku is left to the ledger from then on.
    private var large: Set<String> = []

    init(_ store: TestStore, seed: UInt64) {
        self.store = store
        self.seed = seed
        random = SeededRandom(seed: seed)
    }

    /// One commit; some events are refused, duplicated, late or dead-lettered.
    func change() throws {
        if Int.random(in: 0..<10, using: &random) == 0 { try changePolicy() }
        let events = (0..<Int.random(in: 1...4, using: &random)).map { _ in makeEvent() }
        _ = try store.publish(events.map { TestStore.incoming($0) })
        for sku in Self.skus where try positions(of: sku).values.contains(where: { $0.unreserved > 1 << 31 }) {
            large.insert(sku)
        }
    }

    /// Every sku, known or not.
    func compare(_ table: HotTable) throws {
        let version = try #require(table.beginRead())
        if store.engine.board.hotTable != nil { #expect(table.sequence == (try store.ledgerState().sequence)) }
        for sku in Self.skus + ["UNKNOWN"] {
            let shown = table.contents(of: sku)
            if shown == nil { #expect(large.contains(sku), "seed \(seed): \(sku) is left to the ledger") }
            if let shown { #expect(shown == (try positions(of: sku)), "seed \(seed): \(sku)") }
        }
        #expect(table.isUnchanged(since: version))
    }

    private func makeEvent() -> InventoryEvent {
        counter += 1
        let id = "\(Bool.random(using: &random) ? counter : max(1, counter - 5))"
        let sku = Self.skus.randomElement(using: &random)!
        let location = (Self.locations + ["NOWHERE"]).randomElement(using: &random)!
        let source = location == "OWNED" ? "wms" : location == "COUNTED" ? "erp" : "a"
        let at = -Int64.random(in: 0..<100, using: &random)
        let sequence = UInt64(counter)
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return Make.heartbeat(id, source: source, at: at)
        case 1...4:
            let isLarge = Int.random(in: 0..<40, using: &random) == 0
            return Make.snapshot(
                id, source: source, sku: sku, location: location, at: at, sequence: sequence,
                onHand: isLarge ? 5_000_000_000 : Int64(counter))
        default:
            return Make.adjustment(
                id, source: source, sku: sku, location: location, at: at, sequence: sequence,
                by: .random(in: -9...9, using: &random))
        }
    }

    private func changePolicy() throws {
        var policy = ChannelPolicy()
        policy.sourcing = ["WH1", "WH2"]
        policy.terms.sharePercent = .random(in: 1...100, using: &random)
        _ = try store.step(
            .updateChannel(
                tenant: store.engine.tenantNumber,
                ChannelUpdate(
                    channelID: "web", displayName: "", policy: policy, etag: "", allowMissing: false,
                    validateOnly: false, actor: "ops", reason: "test", requestID: "")))
    }

    private func positions(of sku: String) throws -> [LocationNumber: StockFigures] {
        var found: [LocationNumber: StockFigures] = [:]
        for location in Self.locations {
            guard let number = store.engine.board.state.directory.number(of: location),
                let position = try store.position(sku, location)
            else { continue }
            found[number] = StockFigures(position)
        }
        return found
    }
}

extension HotTable {
    /// What a look-up gives; nil: ask the ledger.
    fileprivate func contents(of sku: String) -> [LocationNumber: StockFigures]? {
        var sku = sku
        return sku.withUTF8 { bytes -> [LocationNumber: StockFigures]? in
            let bytes = UnsafeRawBufferPointer(bytes)
            switch find(bytes, hash: hash(bytes)) {
            case .askLedger: return nil
            case .absent: return [:]
            case .row(let row):
                return Dictionary(uniqueKeysWithValues: (0..<row.count).map { row.figures(at: $0) })
            }
        }
    }
}
