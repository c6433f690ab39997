import Engine
import Foundation
import Inventory
import Synchronization
import Testing

@testable import Feeds

/// A folder that is removed with it.
final class TestFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "feeds-tests-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func drop(_ name: String, _ text: String, atSeconds seconds: Double? = nil) throws {
        let url = URL(fileURLWithPath: "\(path)/\(name)")
        try Data(text.utf8).write(to: url)
        if let seconds {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: seconds)], ofItemAtPath: url.path)
        }
    }

    func names(_ folder: String = "") -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []
        return names.filter { !["done", "failed", "reading"].contains($0) }.sorted()
    }

    func text(_ name: String) -> String? { try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
}

@Suite(.timeLimit(.minutes(5))) struct FolderFeedTests {
    private let folder: TestFolder
    private let server = RecordingServer()

    init() throws { folder = try TestFolder() }

    private static let header = "id,type,occurred_at,sku,location,quantity,reason\n"

    /// A file of so many adjustments, those at `bad` with a quantity that is no number.
    private static func rows(_ count: Int, bad: Set<Int> = [], withIDs: Bool = false) -> String {
        (0..<count).reduce(into: header) { text, row in
            text += "\(withIDs ? "e\(row)" : ""),ADJUSTMENT,2026-11-21T03:00:00Z,S\(row),WH1,"
            text += "\(bad.contains(row) ? "many" : "1"),COUNT\n"
        }
    }

    private func feed(settle: Int64 = 0) -> FolderFeed {
        FolderFeed(
            id: "files", source: "wms", folder: folder.path,
            format: RowFormat(source: "wms", mapping: FeedMapping(), isCSV: true), settleNanoseconds: settle,
            pollNanoseconds: .perMillisecond)
    }

    /// Runs a feed until `isDone`, or until it fails.
    @discardableResult
    private func run(_ feed: FolderFeed, until isDone: () -> Bool) async -> FeedFailure? {
        let failure = Mutex<FeedFailure?>(nil)
        let port = server.port("files")
        let task = Task {
            do throws(FeedFailure) {
                try await feed.run(port)
            } catch {
                failure.withLock { $0 = error }
            }
        }
        await eventually { isDone() || failure.withLock { $0 != nil } }
        task.cancel()
        await task.value
        return failure.withLock { $0 }
    }

    private var lastPlace: FilePlace? { server.state.withLock { $0.positions.last.flatMap { FilePlace($0.text) } } }
    private var isIdle: Bool {
        lastPlace?.line == nil && lastPlace != nil && folder.names().isEmpty && folder.names("reading").isEmpty
    }

    @Test func fileIsReadInBatchesAndMovedToDone() async throws {
        try folder.drop("stock 1.csv", Self.rows(2_500))
        await run(feed()) { isIdle }
        #expect(server.events.map(\.event.sku) == (0..<2_500).map { "S\($0)" })
        #expect(server.state.withLock { $0.batches.map(\.count) } == [1_000, 1_000, 500, 0])
        #expect(folder.names("done") == ["stock 1.csv"] && folder.names("failed") == [])
        let ids = server.events.map(\.event.id)
        #expect(Set(ids).count == 2_500 && ids.first?.hasSuffix("-2") == true && ids.first?.utf8.count == 18)
        let places = server.state.withLock { $0.positions.compactMap { FilePlace($0.text) } }
        #expect(places.map(\.line) == [2, 1_002, 2_002, nil] && places.allSatisfy { $0.name == "stock 1.csv" })
    }

    @Test func fileDroppedTwiceGivesDuplicatesAndBothAreKept() async throws {
        try folder.drop("a.csv", Self.rows(3))
        await run(feed()) { isIdle }
        server.state.withLock { $0.batches = [] }
        try folder.drop("a.csv", Self.rows(3))
        await run(feed()) { server.events.count == 3 && isIdle }
        #expect(server.state.withLock { $0.seen.count } == 3)
        #expect(folder.names("done").count == 2)
    }

    @Test func rowsThatCannotBeAppliedFailTheFileAndKeepNoOtherFromIt() async throws {
        try folder.drop("a.csv", Self.rows(5, bad: [1, 3]))
        await run(feed()) { isIdle }
        #expect(server.events.count == 5 && server.state.withLock { $0.seen.count } == 3)
        #expect(folder.names("failed") == ["a.csv", "a.csv.errors"] && folder.names("done") == [])
        #expect(
            folder.text("failed/a.csv.errors") == """
                3,quantity,"INVALID_FIELD: quantity: line 3: ""many"" is not a whole number"
                5,quantity,"INVALID_FIELD: quantity: line 5: ""many"" is not a whole number"

                """)
        let letter = server.events.first { $0.rejection != nil }
        #expect(letter?.event.source == "wms" && letter?.contentType == .csv)
        #expect(
            letter.map { String(decoding: $0.original, as: UTF8.self) }
                == Self.header + ",ADJUSTMENT,2026-11-21T03:00:00Z,S1,WH1,many,COUNT")
    }

    @Test(arguments: ["", "nonsense\n1\n", "type,type\n", "id,type\n"])
    func fileWithoutAUsableHeaderFailsAsAWhole(text: String) async throws {
        try folder.drop("a.csv", text)
        await run(feed()) { isIdle }
        #expect(server.events.isEmpty && folder.names("failed") == ["a.csv", "a.csv.errors"])
        #expect(folder.text("failed/a.csv.errors")?.hasPrefix("1,header,") == true)
    }

    @Test func namesOfFilesThatAreBeingWrittenAndFoldersAreLeftAlone() async throws {
        for name in [".hidden.csv", "a.tmp", "b.part"] { try folder.drop(name, Self.rows(1)) }
        try FileManager.default.createDirectory(atPath: "\(folder.path)/sub", withIntermediateDirectories: false)
        try folder.drop("c.csv", Self.rows(1))
        await run(feed()) { lastPlace?.line == nil && lastPlace != nil }
        #expect(folder.names() == [".hidden.csv", "a.tmp", "b.part", "sub"] && folder.names("done") == ["c.csv"])
    }

    @Test func fileThatStillGrowsIsNotTaken() async throws {
        try folder.drop("a.csv", Self.rows(1))
        let polls = Mutex(0)
        await run(feed(settle: 3_600 * .perSecond)) {
            polls.withLock { $0 = server.state.withLock { $0.backlogs.count } }
            return polls.withLock { $0 } > 20
        }
        #expect(server.events.isEmpty && folder.names() == ["a.csv"])
        #expect(server.state.withLock { $0.backlogs.last?.waiting } == 1)
    }

    /// The server dies at each batch, before and after its commit; the next run goes on from the committed place.
    @Test(arguments: [false, true], [0, 1, 2, 3])
    func crashResumesInTheMiddleWithEveryErrorAndNoRowLost(afterCommit: Bool, batch: Int) async throws {
        try folder.drop("a.csv", Self.rows(2_500, bad: [5, 1_500, 2_400], withIDs: true))
        let dies: @Sendable (Int) throws(FeedFailure) -> Void = { (count) throws(FeedFailure) in
            if count == batch { throw FeedFailure("killed") }
        }
        server.state.withLock { if afterCommit { $0.after = dies } else { $0.before = dies } }
        let failure = await run(feed()) { false }
        #expect(failure == FeedFailure("killed"))
        server.state.withLock { state in
            state.before = { (_) throws(FeedFailure) in }
            state.after = { (_) throws(FeedFailure) in }
        }
        let readBefore = server.events.count
        if folder.names("reading") == ["a.csv"] {
            await run(feed()) { isIdle }
            // At most the batch that was under way is read again.
            #expect(server.events.count <= 2_500 + 1_000 && server.events.count >= 2_500)
        } else {
            #expect(readBefore == 2_500)
        }
        #expect(server.state.withLock { $0.seen.count } == 2_497)
        #expect(folder.names("failed") == ["a.csv", "a.csv.errors"])
        let lines = folder.text("failed/a.csv.errors")?.split(separator: "\n").compactMap {
            $0.split(separator: ",").first
        }
        #expect(lines == ["7", "1502", "2402"])
    }

    @Test func crashBetweenTheMoveOfAFileAndThatOfItsErrorsIsMended() async throws {
        try FeedFolder(path: folder.path).prepare()
        try folder.drop("failed/a.csv", "x")
        try folder.drop("failed/.a.csv.errors", "2,,x\n")
        try FeedFolder(path: folder.path).prepare()
        #expect(folder.names("failed") == ["a.csv", "a.csv.errors"])
    }

    @Test func serverThatTakesNothingEndsTheRunAndTheFileStays() async throws {
        try folder.drop("a.csv", Self.rows(1))
        server.state.withLock { $0.before = { (_) throws(FeedFailure) in throw FeedFailure("the store is full") } }
        #expect(await run(feed()) { false } == FeedFailure("the store is full"))
        #expect(folder.names("reading") == ["a.csv"])
    }

    @Test(arguments: [0, 1, 2])
    func fileRenamedOverTheOneThatIsReadIsReadAfterIt(batch: Int) async throws {
        let folder = folder
        try folder.drop("a.csv", Self.rows(2_500))
        server.state.withLock { state in
            state.after = { (count) throws(FeedFailure) in
                guard count == batch else { return }
                do {
                    try folder.drop("new.part", Self.rows(7, withIDs: true))
                } catch {
                    throw FeedFailure("\(error)")
                }
                rename("\(folder.path)/new.part", "\(folder.path)/a.csv")
            }
        }
        await run(feed()) { server.events.count == 2_507 && isIdle }
        #expect(server.state.withLock { $0.seen.count } == 2_507)
        let done = folder.names("done")
        #expect(done.count == 2 && done[0] == "a.csv" && done[1].hasPrefix("a.csv."))
        #expect(folder.text("done/a.csv") == Self.rows(2_500))
    }

    @Test func fileThatAnotherReplacedSinceItWasListedIsNotReadAsTheOneListed() throws {
        let kept = FeedFolder(path: folder.path)
        try kept.prepare()
        try folder.drop("a.csv", "one", atSeconds: 1_000)
        let listed = try #require(try kept.list().first)
        try folder.drop("a.csv", "other", atSeconds: 1_001)
        #expect(try !kept.take(listed))
        #expect(try kept.list().map { [$0.name, "\($0.isTaken)", "\($0.bytes)"] } == [["a.csv", "true", "5"]])
        // A third one waits until that is read.
        try folder.drop("a.csv", "third", atSeconds: 1_002)
        let third = try #require(try kept.list().last)
        #expect(try !kept.take(third) && !third.isTaken)
        #expect(folder.text("a.csv") == "third" && folder.text("reading/a.csv") == "other")
    }

    @Test func fileThatACrashLeftInReadingComesFirst() async throws {
        try FeedFolder(path: folder.path).prepare()
        try folder.drop("reading/a.csv", Self.rows(2), atSeconds: 2_000)
        try folder.drop("a.csv", Self.rows(3), atSeconds: 1_000)
        await run(feed()) { server.events.count == 5 && isIdle }
        #expect(folder.text("done/a.csv") == Self.rows(2))
    }

    @Test(arguments: [231, 247, 248, 255])
    func fileWithALongNameIsKeptUnderAShorterOneWithItsErrors(length: Int) async throws {
        let name = String(repeating: "ü", count: length / 2) + (length % 2 == 0 ? "" : "x")
        try folder.drop(name, Self.rows(3, bad: [1]))
        try folder.drop("b.csv", Self.rows(1, withIDs: true))
        await run(feed()) { server.events.count == 4 && isIdle }
        let failed = folder.names("failed")
        #expect(failed.count == 2 && failed[1] == failed[0] + ".errors" && failed[1].utf8.count <= 255)
        #expect(name.hasPrefix(failed[0].dropLast(17)) && folder.names("done") == ["b.csv"])
    }

    @Test func errorsThatWereBegunUnderANameGoOnUnderIt() async throws {
        try FeedFolder(path: folder.path).prepare()
        try folder.drop("failed/a.csv", "an older one")
        try folder.drop("a.csv", Self.rows(2_500, bad: [5, 1_400], withIDs: true))
        server.state.withLock { state in
            state.before = { (count) throws(FeedFailure) in if count == 2 { throw FeedFailure("killed") } }
        }
        #expect(await run(feed()) { false } == FeedFailure("killed"))
        try FileManager.default.removeItem(atPath: "\(folder.path)/failed/a.csv")
        server.state.withLock { $0.before = { (_) throws(FeedFailure) in } }
        await run(feed()) { isIdle }
        let failed = folder.names("failed")
        #expect(failed.count == 2 && failed[0].hasPrefix("a.csv.") && failed[1] == failed[0] + ".errors")
        #expect(folder.text("failed/\(failed[1])")?.split(separator: "\n").count == 2)
    }

    @Test func missingFolderIsAFailureInWords() async throws {
        let feed = FolderFeed(
            id: "files", source: "wms", folder: folder.path + "/none",
            format: RowFormat(source: "wms", mapping: FeedMapping(), isCSV: true), settleNanoseconds: 0,
            pollNanoseconds: .perMillisecond)
        let failure = await run(feed) { false }
        #expect(failure?.description.hasPrefix("cannot make the folder \(folder.path)/none/done") == true)
    }

    @Test func replayReadsWhatIsDoneFromATimeOrAFileOn() async throws {
        for (index, name) in ["c.csv", "a.csv", "b.csv"].enumerated() {
            try folder.drop(name, Self.rows(index + 1), atSeconds: 1_000 + Double(index))
        }
        await run(feed()) { isIdle && folder.names("done").count == 3 }
        let positions = server.state.withLock { $0.positions }
        func replayed(_ start: ReplayStart) async throws -> Int {
            // A replay stores none.
            server.state.withLock { state in (state.batches, state.positions) = ([], positions) }
            try await feed().replay(from: start, server.port("files"))
            return server.events.count
        }
        #expect(try await replayed(.time(0)) == 6)
        #expect(try await replayed(.time(1_001 * .perSecond)) == 5)
        #expect(try await replayed(.position("b.csv")) == 3)
        await #expect(throws: FeedFailure.self) { try await replayed(.position("none.csv")) }
        #expect(server.state.withLock { $0.seen.count } == 6)
    }

    /// What a replay of everything reads, by sku.
    private func replayed() async throws -> [String] {
        let positions = server.state.withLock { $0.positions }
        server.state.withLock { state in (state.batches, state.positions) = ([], positions) }
        try await feed().replay(from: .time(0), server.port("files"))
        return server.events.map(\.event.sku)
    }

    @Test func replayReadsWhatWasTakenOfFailedFilesAndNothingOfThoseRefusedWhole() async throws {
        try folder.drop("bad.csv", Self.rows(3, bad: [1]), atSeconds: 1_000)
        try folder.drop("good.csv", Self.rows(1), atSeconds: 1_001)
        try folder.drop("whole.csv", "nonsense\n1\n", atSeconds: 1_002)
        await run(feed()) { isIdle && folder.names("failed").count == 4 }
        #expect(folder.text("failed/whole.csv.errors")?.hasSuffix(",NOTHING_TAKEN\n") == true)
        #expect(folder.text("failed/bad.csv.errors")?.contains("NOTHING_TAKEN") == false)
        // It could be read by now, and took no effect then.
        try folder.drop("failed/whole.csv", Self.rows(5), atSeconds: 1_002)
        // The one that cannot be read has no sku.
        #expect(try await replayed() == ["S0", "", "S2", "S0"])
    }

    @Test(arguments: ["done", "failed"])
    func replayFindsTheUnfinishedFileWhateverItIsCalled(_ outcome: String) async throws {
        let bad: Set<Int> = outcome == "failed" ? [0] : []
        try folder.drop("a.csv", Self.rows(2, bad: bad))
        await run(feed()) { isIdle && !folder.names(outcome).isEmpty }
        try folder.drop("a.csv", Self.rows(4, bad: bad))
        let digest = try #require(try FeedFile(folder: folder.path, name: "a.csv")).digest
        let place = FilePlace(name: "a.csv", line: 3, digest: digest)
        server.state.withLock { $0.positions.append(FeedPosition(feed: "files", text: place.text)) }
        // Begun when the replay looked where the feed stands; moved before it listed the files, or since.
        for (from, to) in [("", "/\(outcome)/a.csv.\(digest)"), ("/\(outcome)/a.csv.\(digest)", "/renamed.csv")] {
            let old = from.isEmpty ? "/a.csv" : from
            try FileManager.default.moveItem(atPath: folder.path + old, toPath: folder.path + to)
            let found = try FeedFolder(path: folder.path).find("a.csv", digest: digest)
            #expect(found?.digest == digest)
            #expect(try await replayed().count == 6, "each row once")
        }
    }

    @Test func placesAreReadAsTheyAreWritten() {
        for place in [
            FilePlace(name: "a b.csv", line: 7, digest: "0123"), FilePlace(name: "done", line: nil, digest: "ff"),
        ] { #expect(FilePlace(place.text) == place) }
        #expect(FilePlace("a.csv") == nil && FilePlace("a.csv x ff") == nil)
        #expect(FilePlace(name: String(repeating: "ü", count: 128), line: 1, digest: "ff").text.utf8.count <= 256)
    }
}
