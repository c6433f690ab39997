import Foundation
import Testing

@testable import LMDB

/// A directory with one open environment and one tree. Tests hold it to their end: transactions must end first.
final class Fixture {
    let path: String
    let environment: Environment
    let database: Database

    init(mapBytes: UInt64 = 1 << 26) throws {
        path = NSTemporaryDirectory() + "/lmdb-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        var options = EnvironmentOptions()
        options.mapBytes = mapBytes
        let environment = try Environment(directory: path, options: options)
        database = try #require(try environment.openDatabases(["tree"], create: true)[0])
        self.environment = environment
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func put(_ pairs: [(String, String)]) throws {
        var transaction = try environment.beginWrite()
        for (key, value) in pairs { try transaction.put(key, value, into: database) }
        try transaction.commit()
    }
}

extension String {
    func lend<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try Array(utf8).withUnsafeBytes(body)
    }

    init(lent bytes: UnsafeRawBufferPointer) {
        self.init(decoding: bytes, as: UTF8.self)
    }
}

extension WriteTransaction {
    mutating func put(_ key: String, _ value: String, into database: Database) throws {
        let value = Array(value.utf8)
        let key = Array(key.utf8)
        try key.withUnsafeBytes { key in
            try value.withUnsafeBytes { value in try put(key, value, into: database) }
        }
    }
}

extension ReadTransaction {
    borrowing func text(_ key: String, in database: Database) throws -> String? {
        let key = Array(key.utf8)
        let pointer = key.withUnsafeBytes { UnsafeRawBufferPointer(start: $0.baseAddress, count: $0.count) }
        return try withExtendedLifetime(key) { try get(pointer, from: database).map { String(lent: $0) } }
    }
}

@Suite struct EnvironmentTests {
    @Test func committedIsSeenAndAbortedIsNot() throws {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        try fixture.put([("a", "1")])
        do {
            var dropped = try fixture.environment.beginWrite()
            try dropped.put("b", "2", into: fixture.database)
        }
        let read = try fixture.environment.beginRead()
        #expect(try read.text("a", in: fixture.database) == "1")
        #expect(try read.text("b", in: fixture.database) == nil)
        #expect(try read.statistics(of: fixture.database).entries == 1)
    }

    @Test func snapshotIsKeptUntilRenewed() throws {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        try fixture.put([("a", "1")])
        var read = try fixture.environment.beginRead()
        let former = read.transactionID
        try fixture.put([("a", "2")])
        #expect(try read.text("a", in: fixture.database) == "1")
        try read.renew()
        let renewed = read.transactionID
        #expect(renewed == former + 1)
        #expect(try read.text("a", in: fixture.database) == "2")
        read.reset()
        let isActive = read.isActive
        #expect(!isActive)
        #expect(try fixture.environment.readers().map(\.transactionID) == [nil])
    }

    @Test func cursorWalksBothWaysAndFollowsARenewedTransaction() throws {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        try fixture.put([("b", "2"), ("d", "4"), ("f", "6")])
        var read = try fixture.environment.beginRead()
        var cursor = try read.openCursor(fixture.database)
        let sought = try "c".lend { try cursor.seek(atOrAfter: $0) }
        #expect(sought.map { String(lent: $0.key) } == "d")
        #expect(try cursor.current().map { String(lent: $0.value) } == "4")
        #expect(try cursor.previous().map { String(lent: $0.key) } == "b")
        #expect(try cursor.previous() == nil)
        #expect(try cursor.last().map { String(lent: $0.key) } == "f")
        #expect(try cursor.next() == nil)
        #expect(try "g".lend { try cursor.seek(atOrAfter: $0) } == nil)
        #expect(try "c".lend { try cursor.seek($0) } == nil)
        try fixture.put([("a", "0")])
        try read.renew()
        try cursor.renew(in: read)
        #expect(try cursor.first().map { String(lent: $0.key) } == "a")
    }

    @Test func cursorReplacesAndDeletesInPlace() throws {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        try fixture.put([("a", "1"), ("b", "22"), ("c", "3")])
        var write = try fixture.environment.beginWrite()
        do {
            var cursor = try write.openCursor(fixture.database)
            #expect(try "b".lend { try cursor.seek($0) } != nil)
            try "b".lend { key in
                try cursor.putCurrent(key, reserving: 3) { $0.copyBytes(from: "new".utf8) }
            }
            #expect(try cursor.first() != nil)
            try cursor.delete()
            #expect(try cursor.next().map { String(lent: $0.value) } == "new")
            try "d".lend { key in try cursor.put(key, reserving: 1) { $0[0] = 52 } }
        }
        #expect(try "c".lend { try write.delete($0, from: fixture.database) })
        #expect(try "x".lend { try write.delete($0, from: fixture.database) } == false)
        try write.commit()
        let read = try fixture.environment.beginRead()
        let texts = try ["a", "b", "c", "d"].map { try read.text($0, in: fixture.database) }
        #expect(texts == [nil, "new", nil, "4"])
    }

    @Test func fullMapIsStorageFullAndNothingIsLost() throws {
        let fixture = try Fixture(mapBytes: 1 << 20)
        defer { withExtendedLifetime(fixture) {} }
        try fixture.put([("a", "1")])
        let failed = #expect(throws: LMDBError.self) {
            try fixture.put((0..<1_000).map { ("key-\($0)", String(repeating: "x", count: 3_000)) })
        }
        #expect(failed?.severity == .storageFull)
        try fixture.put([("b", "2")])
        let read = try fixture.environment.beginRead()
        #expect(try read.text("a", in: fixture.database) == "1")
        #expect(try read.statistics(of: fixture.database).entries == 2)
    }

    @Test func compactCopyHoldsTheSame() throws {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        try fixture.put((0..<2_000).map { ("key-\($0)", "value") })
        let copy = fixture.path + "/copy"
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        let descriptor = open(copy + "/data.mdb", O_WRONLY | O_CREAT, 0o600)
        try fixture.environment.copyCompacting(to: descriptor)
        close(descriptor)
        var options = EnvironmentOptions()
        options.readOnly = true
        options.structureCheck = .everyPage
        let opened = try Environment(directory: copy, options: options)
        let database = try #require(try opened.openDatabases(["tree", "none"], create: false)[0])
        #expect(try opened.beginRead().statistics(of: database).entries == 2_000)
    }

    @Test(arguments: [
        (ENOSPC, LMDBError.Severity.storageFull), (EDQUOT, .storageFull), (CSymbols.mapFull, .storageFull),
        (EIO, .fatal), (CSymbols.panic, .fatal), (CSymbols.corrupted, .fatal), (CSymbols.readersFull, .retriable),
        (CSymbols.transactionFull, .retriable), (EACCES, .refused), (CSymbols.versionMismatch, .refused),
    ])
    func errorsSayWhatCanBeDone(code: Int32, severity: LMDBError.Severity) {
        #expect(LMDBError(code: code, operation: "x").severity == severity)
        #expect(LMDBError(code: code, operation: "x").description.contains("(\(code))"))
    }

    @Test func readersBeyondTheTableAreRetriable() throws {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        var held: [Held] = []
        let failed = #expect(throws: LMDBError.self) {
            while held.count < 1_000 { held.append(Held(try fixture.environment.beginRead())) }
        }
        #expect(failed?.code == CSymbols.readersFull)
        #expect(failed?.severity == .retriable)
        #expect(held.count == 126)
    }

    private final class Held {
        let transaction: ReadTransaction
        init(_ transaction: consuming ReadTransaction) { self.transaction = transaction }
    }
}
