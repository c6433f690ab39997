import Engine
import Foundation
import Inventory
import Ledger
import Testing

@testable import Catalogue

/// Over the real engine and ledger.
@Suite struct EngineRoundTripTests {
    private static let day: Int64 = 86_400 * 1_000_000_000

    private static func ageInDays(of sku: String) -> Int64 {
        [400, 30, 6, 0][Int(sku.suffix(6))! % 4]
    }

    /// A fresh store with the sample's locations.
    final class Store: Sendable {
        let ledger: Ledger
        let thread: EngineThread
        let tenant: TenantNumber

        init(directory: String) throws {
            var options = LedgerOptions()
            options.mapBytes = 256 << 20
            ledger = try Ledger(directory: directory, options: options)
            let settings = EngineSettings()
            let seed = CatalogueSeed(
                locations: SampleCatalogue.locations.enumerated().map { index, id in
                    Location(id: id, number: LocationNumber(index + 1))
                })
            let engine = try Engine.open(
                ledger: ledger, tenantName: "demo", settings: settings, seed: seed,
                time: EngineTime(
                    wallNanoseconds: wallClockNanoseconds(), ledgerNanoseconds: wallClockNanoseconds()))
            tenant = engine.tenantNumber
            thread = EngineThread(settings: settings, clock: LedgerClock(persistedNanoseconds: 0))
            thread.start(engine: engine) { fatalError($0) }
        }

        func submit(_ events: [IncomingEvent]) throws -> [EventResult] {
            switch thread.submitAndWait(.publish(tenant: tenant, events: events)) {
            case .published(let results, _): return results
            case .failed(let error): throw error
            default: preconditionFailure("a publication is answered by results")
            }
        }
    }

    @Test(arguments: PositionFormat.allCases)
    func `an export of figures of any age is reproduced in a fresh store`(format: PositionFormat) throws {
        let folder = try TestFile("first.\(format.rawValue)")
        let now = wallClockNanoseconds()
        let first = try Store(directory: folder.directory + "/a")
        // Some far beyond the horizon of the newest, oldest first as a life brings them.
        for ageInDays in [400, 30, 6, 0] as [Int64] {
            let events = SampleCatalogue.events(skus: 200, occurredAtNanoseconds: now - ageInDays * Self.day)
            let chosen = events.filter { Self.ageInDays(of: $0.event.sku) == ageInDays }
            let results = try first.submit(chosen)
            #expect(results.allSatisfy { $0.outcome == .applied })
        }
        let written = try PositionExport.run(
            ExportOptions(path: folder.path), ledger: first.ledger, tenant: first.tenant)
        #expect(written.rows > 200)

        let second = try Store(directory: folder.directory + "/b")
        let summary = try PositionImport.run(ImportOptions(path: folder.path)) { try second.submit($0) }
        #expect(summary.problems == [])
        #expect(summary.counts.rows == written.rows && summary.counts.applied == written.rows)
        let rerun = try PositionImport.run(ImportOptions(path: folder.path)) { try second.submit($0) }
        #expect(rerun.counts.applied == 0)
        let again = folder.directory + "/second.\(format.rawValue)"
        _ = try PositionExport.run(ExportOptions(path: again), ledger: second.ledger, tenant: second.tenant)
        #expect(try String(contentsOfFile: again, encoding: .utf8) == folder.text)
        first.thread.stop()
        second.thread.stop()
    }

    @Test func `the sample catalogue is loaded once`() throws {
        let folder = try TestFile("x")
        let store = try Store(directory: folder.directory + "/a")
        let time = wallClockNanoseconds()
        for isRerun in [false, true] {
            let counts = try SampleCatalogue.load(skus: 1_000, occurredAtNanoseconds: time) { try store.submit($0) }
            #expect(counts.failed == 0)
            #expect((isRerun ? counts.duplicate : counts.applied) == counts.rows)
        }
        store.thread.stop()
    }
}
