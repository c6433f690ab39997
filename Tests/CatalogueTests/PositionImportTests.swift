import Engine
import Inventory
import Synchronization
import Testing

@testable import Catalogue

@Suite struct PositionImportTests {
    private func run(
        _ name: String, _ text: String, into store: RecordingStore = RecordingStore(),
        _ change: (inout ImportOptions) -> Void = { _ in }
    ) throws -> ImportSummary {
        let file = try TestFile(name, text)
        var options = ImportOptions(path: file.path)
        options.occurredAtNanoseconds = 1_000
        change(&options)
        return try PositionImport.run(options) { try store.submit($0) }
    }

    @Test func `rows become snapshots with the line as original`() throws {
        let store = RecordingStore()
        let summary = try run("a.csv", "sku,location,on_hand,damaged\r\n\"A,1\",WH1,5,\r\nB,WH2,,2\r\n", into: store)
        #expect(summary.counts.rows == 2 && summary.counts.applied == 2 && summary.problems.isEmpty)
        let events = store.events
        #expect(events.map(\.event.sku) == ["A,1", "B"])
        #expect(events.map(\.event.location) == ["WH1", "WH2"])
        #expect(events.map(\.event.kind) == [.positionSnapshot, .positionSnapshot])
        #expect(events.map(\.event.source) == ["import", "import"])
        #expect(events.map(\.event.occurredAtNanoseconds) == [1_000, 1_001])
        #expect(events.map(\.event.snapshot.touched) == [BucketSet(.onHand), BucketSet(.damaged)])
        #expect(events.allSatisfy { $0.event.snapshot.isAbsolute })
        #expect(events.map { String(decoding: $0.original, as: UTF8.self) } == ["\"A,1\",WH1,5,", "B,WH2,,2"])
        #expect(zip(events, ["A,1", "B"]).allSatisfy { $0.event.id.hasPrefix("import:\($1):") })
    }

    @Test func `an id is made of what the row says, fixed for ever`() throws {
        let store = RecordingStore()
        _ = try run("a.csv", "sku,location,on_hand\nA,WH1,5\n", into: store)
        _ = try run("b.jsonl", #"{"on_hand":"5","location":"WH1","sku":"A"}"#, into: store)
        _ = try run("c.csv", "location,sku,on_hand,occurred_at\nWH1,A,5,1970-01-01T00:00:00.000001Z\n", into: store)
        #expect(store.ids == ["import:A:022fccd5f561eb9bc6376924fdc5a04f"])
        _ = try run("d.csv", "sku,location,on_hand\nA,WH1,6\n", into: store)
        _ = try run("e.csv", "sku,location,damaged\nA,WH1,5\n", into: store)
        _ = try run("f.csv", "sku,location,on_hand\nA,WH2,5\n", into: store)
        #expect(store.ids.count == 4)
    }

    @Test func `an id begins with as much of the sku as leaves it within its limit`() throws {
        let store = RecordingStore()
        let long = String(repeating: "x", count: 23) + "ß" + String(repeating: "y", count: 39)
        _ = try run("a.csv", "sku,location,on_hand\n\(long),WH1,5\n", into: store)
        let id = try #require(store.ids.first)
        #expect(id.hasPrefix("import:" + String(repeating: "x", count: 23) + ":") && id.utf8.count <= Limits.idBytesMax)
    }

    @Test func `bad rows are told by line and the good ones go on`() throws {
        let text = """
            sku,location,on_hand
            A,WH1,1
            "B
            B",WH1,1
            C,WH1,x

            D,WH1
            REFUSE-1,WH1,4
            E,WH1,5
            """
        let summary = try run("stock.csv", text)
        #expect(summary.counts.rows == 6)
        #expect(summary.counts.applied == 2)
        #expect(summary.counts.failed == 4)
        #expect(
            summary.problems.map { $0.description(file: "stock.csv") } == [
                "stock.csv:3: sku: must be printable UTF-8 without control characters",
                "stock.csv:5: on_hand: \"x\" is not a whole number",
                "stock.csv:7: has 2 fields, the header 3",
                "stock.csv:8: UNKNOWN_LOCATION: location",
            ])
        #expect(summary.description == "6 rows, 2 applied, 0 duplicate, 0 superseded, 4 failed")
    }

    @Test func `problems are bounded and all counted`() throws {
        let text = "sku,location,on_hand\n" + String(repeating: "A,WH1,x\n", count: 5_000)
        let summary = try run("a.csv", text) { $0.problemsMax = 3 }
        #expect(summary.counts.failed == 5_000)
        #expect(summary.problems.map(\.line) == [2, 3, 4])
    }

    @Test func `a rerun finds everything as duplicate`() throws {
        let file = try TestFile("a.csv", "sku,location,on_hand\n" + (0..<2_500).map { "S\($0),WH1,\($0)\n" }.joined())
        let store = RecordingStore()
        let options = ImportOptions(path: file.path)
        let first = try PositionImport.run(options) { try store.submit($0) }
        let second = try PositionImport.run(options) { try store.submit($0) }
        #expect(first.counts.applied == 2_500)
        #expect(second.counts.duplicate == 2_500 && second.counts.applied == 0)
    }

    @Test func `an interrupted import goes on where it stopped`() throws {
        let file = try TestFile("a.csv", "sku,location,on_hand\n" + (0..<5_000).map { "S\($0),WH1,\($0)\n" }.joined())
        var options = ImportOptions(path: file.path)
        options.batches.eventsPerCommand = 100
        let interrupted = RecordingStore(commandsMax: 7)
        #expect(throws: PositionFileError.self) { try PositionImport.run(options) { try interrupted.submit($0) } }
        let store = RecordingStore()
        store.state.withLock { $0.ids = interrupted.ids }
        let summary = try PositionImport.run(options) { try store.submit($0) }
        #expect(summary.counts.duplicate == 700 && summary.counts.applied == 4_300)
    }

    @Test func `of several rows for one position the last wins`() throws {
        let store = RecordingStore()
        let summary = try run("a.csv", "sku,location,on_hand\nA,WH1,3\nA,WH1,1\nA,WH1,2\n", into: store) {
            $0.batches.eventsPerCommand = 1
        }
        #expect(summary.counts.failed == 0)
        #expect(store.state.withLock { $0.positions["A\u{0}WH1"]?.effect.values[.onHand] } == 2)
    }

    @Test func `rows with times of their own go oldest first`() throws {
        let store = RecordingStore()
        let text = """
            {"sku":"C","location":"WH1","on_hand":3,"occurred_at":"2026-03-01T00:00:00Z"}
            {"sku":"X"}
            {"sku":"A","location":"WH1","on_hand":1,"occurred_at":"2026-01-01T00:00:00Z"}
            {"sku":"REFUSE","location":"WH1","on_hand":2,"occurred_at":"2026-02-01T00:00:00Z"}
            """
        let summary = try run("a.ndjson", text, into: store) { $0.batches.commandsInFlight = 1 }
        #expect(store.events.map(\.event.sku) == ["A", "REFUSE", "C"])
        #expect(summary.counts.rows == 4 && summary.counts.failed == 2 && summary.counts.applied == 2)
        #expect(summary.problems.map(\.line) == [2, 4])
        #expect(String(decoding: store.events[0].original, as: UTF8.self).contains("\"A\""))
    }

    @Test func `commands are bounded in size and in flight`() throws {
        let store = RecordingStore()
        let text = "sku,location,on_hand\n" + (0..<1_050).map { "S\($0),WH1,\($0)\n" }.joined()
        let rowsSeen = Mutex<[UInt64]>([])
        let file = try TestFile("a.csv", text)
        var options = ImportOptions(path: file.path)
        options.batches.eventsPerCommand = 100
        options.batches.commandsInFlight = 3
        let summary = try PositionImport.run(
            options, progress: { progress in rowsSeen.withLock { $0.append(progress.rows) } },
            submit: { try store.submit($0) })
        #expect(summary.counts.applied == 1_050)
        store.state.withLock { state in
            #expect(state.commandSizes.sorted() == [50] + Array(repeating: 100, count: 10))
            #expect(state.mostUnderWay <= 3)
        }
        #expect(rowsSeen.withLock { $0.last } == 1_050)
    }

    @Test func `reserved and releasing are ignored with one note`() throws {
        let store = RecordingStore()
        let summary = try run(
            "a.csv", "sku,location,on_hand,reserved,releasing\nA,WH1,1,5,6\nB,WH1,1,5,6\n", into: store)
        #expect(summary.notes.count == 1)
        #expect(store.events.allSatisfy { $0.event.snapshot.touched == BucketSet(.onHand) })
    }

    @Test(arguments: [
        ("stock", " {\"sku\":\"A\",\"location\":\"WH1\",\"on_hand\":1}\n", true), ("stock", "{}", false),
        ("stock", "\u{FEFF}sku,location,on_hand\nA,WH1,1", true),
        ("stock.CSV", "sku,location,on_hand\nA,WH1,1", true),
    ])
    func `the format is told by the name, else by the first character`(name: String, text: String, isGood: Bool) throws
    {
        let summary = try run(name, text)
        #expect(summary.counts.rows == 1)
        #expect(summary.counts.applied == (isGood ? 1 : 0))
    }

    @Test(arguments: [
        ("", "1: is empty, expected a header"), ("sku,location,onhand\nA,WH1,1", "1: unknown column"),
        ("\n\nsku\n", "3: column \"location\" is missing"), ("\"sku,location", "1: a quote is not closed"),
    ])
    func `a file without a usable header is refused as a whole`(text: String, reason: String) throws {
        let file = try TestFile("a.csv", text.isEmpty ? "\n" : text)
        do throws(PositionFileError) {
            _ = try PositionImport.run(ImportOptions(path: file.path)) { _ in [] }
            Issue.record("expected an error")
        } catch {
            #expect(error.description.contains("a.csv:\(reason)"), "\(error)")
        }
    }

    @Test func `a missing file is told by name`() throws {
        do throws(PositionFileError) {
            _ = try PositionImport.run(ImportOptions(path: "/nowhere/a.csv")) { _ in [] }
            Issue.record("expected an error")
        } catch {
            #expect(error.description == "cannot open /nowhere/a.csv: No such file or directory")
        }
    }

    @Test func `an empty file of JSON lines has no rows`() throws {
        #expect(try run("a.jsonl", "\n").counts == OutcomeCounts())
    }
}
