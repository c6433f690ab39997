import Engine
import Inventory
import Ledger
import Synchronization
import Testing

@testable import Catalogue

@Suite struct PositionExportTests {
    struct ListedPages: PositionPages {
        var rest: [ExportedPosition]
        var countEstimate: UInt64? { nil }

        mutating func next() -> [ExportedPosition] {
            defer { rest = Array(rest.dropFirst(3)) }
            return Array(rest.prefix(3))
        }
    }

    struct ReadFault: Error {}

    struct FailingPages: PositionPages {
        var countEstimate: UInt64? { nil }
        mutating func next() throws -> [ExportedPosition] { throw ReadFault() }
    }

    static let sample: ExportedPosition = {
        var position = Position()
        position.buckets[.onHand] = 10
        position.buckets[.reserved] = 3
        position.buckets[.safetyStock] = -1
        position.authoritativeTimeNanoseconds = 1_795_230_000_000_000_000
        return ExportedPosition(sku: "A,\"1\"", location: "WH1", position: position)
    }()

    @Test func `CSV has a header and every fed bucket`() throws {
        let file = try TestFile("out.csv")
        let summary = try PositionExport.run(ExportOptions(path: file.path), pages: ListedPages(rest: [Self.sample]))
        #expect(
            file.text == """
                sku,location,on_hand,allocated,quarantined,damaged,in_transit,incoming,backordered,safety_stock,occurred_at\r
                "A,""1""\",WH1,10,0,0,0,0,0,0,-1,2026-11-21T03:00:00Z\r

                """)
        #expect(summary == ExportSummary(rows: 1, bytes: UInt64(file.text.utf8.count)))
    }

    @Test func `JSON lines are one object each`() throws {
        let file = try TestFile("out.jsonl")
        var never = Self.sample
        never.position.authoritativeTimeNanoseconds = 0
        _ = try PositionExport.run(ExportOptions(path: file.path), pages: ListedPages(rest: [never]))
        #expect(
            file.text == #"{"sku":"A,\"1\"","location":"WH1","on_hand":10,"allocated":0,"quarantined":0,"damaged":0,"#
                + #""in_transit":0,"incoming":0,"backordered":0,"safety_stock":-1,"occurred_at":null}"# + "\n")
    }

    @Test func `a failed export leaves the former file as it was`() throws {
        let file = try TestFile("out.csv", "former")
        #expect(throws: PositionFileError.self) {
            try PositionExport.run(ExportOptions(path: file.path), pages: FailingPages())
        }
        #expect(file.text == "former")
    }

    @Test(arguments: PositionFormat.allCases)
    func `an import reads back what an export wrote`(format: PositionFormat) throws {
        let seed = UInt64.random(in: 0 ... .max)
        var dice = Dice(seed: seed)
        let exported = (0..<500).map { index in randomPosition(index, &dice) }
        let file = try TestFile("out.\(format.rawValue)")
        _ = try PositionExport.run(ExportOptions(path: file.path), pages: ListedPages(rest: exported))
        let store = RecordingStore()
        let summary = try PositionImport.run(ImportOptions(path: file.path)) { try store.submit($0) }
        #expect(summary.counts.applied == 500 && summary.problems.isEmpty, "seed \(seed)")
        let positions = store.state.withLock { $0.positions }
        for expected in exported {
            let found = try #require(positions[expected.sku + "\u{0}" + expected.location], "seed \(seed)")
            #expect(found.time == expected.position.authoritativeTimeNanoseconds, "seed \(seed)")
            for bucket in Bucket.allCases where bucket.isFed {
                #expect(found.effect.values[bucket] == expected.position.buckets[bucket], "seed \(seed)")
                #expect(found.effect.touched.contains(bucket))
            }
        }
    }

    private func randomPosition(_ index: Int, _ dice: inout Dice) -> ExportedPosition {
        let alphabet = Array("aZ9,\"' ;\\/é😀=-\u{FEFF}")
        let noise = String(
            (0..<dice.number(0...9)).map { _ in alphabet[Int(dice.number(0...Int64(alphabet.count - 1)))] })
        var position = Position()
        for bucket in Bucket.allCases {
            position.buckets[bucket] =
                dice.chance(percent: 30) ? 0 : dice.number(-1_000_000_000_000...1_000_000_000_000)
        }
        position.authoritativeTimeNanoseconds = dice.number(1...4_000_000_000_000_000_000)
        return ExportedPosition(
            sku: "\(noise)\(index)\(noise.prefix(3))", location: "L\(noise.prefix(4))", position: position)
    }

    @Test func `a ledger is read page by page in key order, one tenant only`() throws {
        let folder = try TestFile("x")
        var options = LedgerOptions()
        options.mapBytes = 64 << 20
        let ledger = try Ledger(directory: folder.directory + "/data", options: options)
        _ = try ledger.withWriteBatch { batch throws(LedgerError) in
            for tenant in [TenantNumber(1), 2] {
                for location in ["WH2", "WH1"] { _ = try batch.intern(location, kind: .location, tenant: tenant) }
                for index in 0..<25 {
                    var position = Position()
                    position.buckets[.onHand] = Int64(index)
                    try batch.setPosition(
                        position, tenant: tenant, sku: "S\(index / 2)", location: index % 2 == 0 ? 1 : 2)
                }
            }
        }
        for pageCount in [1, 7, 100] {
            var pages = try LedgerPositionPages(ledger: ledger, tenant: 1, pageCount: pageCount)
            #expect(pages.countEstimate == 50)
            var found: [ExportedPosition] = []
            while true {
                let page = try pages.next()
                if page.isEmpty { break }
                #expect(page.count <= pageCount)
                found += page
            }
            #expect(found.count == 25)
            #expect(found.map(\.sku) == found.map(\.sku).sorted())
            #expect(found[0].sku == "S0" && found[0].location == "WH2" && found[1].location == "WH1")
        }
    }
}
