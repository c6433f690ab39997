import Foundation
import Testing

@testable import LMDB

@Suite struct DataFileTests {
    private func options() -> EnvironmentOptions {
        var options = EnvironmentOptions()
        options.mapBytes = 1 << 26
        options.structureCheck = .everyPage
        return options
    }

    /// A closed environment with free pages, deep trees and values on overflow pages.
    private func makeFile() throws -> String {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        for round in 0..<5 {
            try fixture.put((0..<3_000).map { ("key-\($0 * 7919 % 3_000)", "value \(round)") })
            try fixture.put([("long", String(repeating: "x", count: 20_000 * (round + 1)))])
        }
        let copy = fixture.path + "-closed"
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: fixture.path + "/data.mdb", toPath: copy + "/data.mdb")
        return copy
    }

    @Test func soundFilePassesTheWalk() throws {
        let path = try makeFile()
        defer { try? FileManager.default.removeItem(atPath: path) }
        _ = try Environment(directory: path, options: options())
    }

    @Test func fileWithoutItsFreeLastPagesIsNotTruncated() throws {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        // Leaves free pages behind, which the next transactions write to first.
        for round in 0..<6 { try fixture.put((0..<200).map { ("key-\($0)", "value \(round)") }) }
        // The value's pages are taken at the end of the file and given back in the same transaction, never written.
        var write = try fixture.environment.beginWrite()
        try write.put("a", "1", into: fixture.database)
        try write.put("long", String(repeating: "x", count: 400_000), into: fixture.database)
        #expect(try "long".lend { try write.delete($0, from: fixture.database) })
        try write.commit()
        let size = try #require(
            try FileManager.default.attributesOfItem(atPath: fixture.path + "/data.mdb")[.size] as? Int)
        let information = fixture.environment.information()
        try #require(size < (Int(information.lastPage) + 1) * information.pageBytes, "the case is made")
        try DataFile.check(path: fixture.path + "/data.mdb", options: EnvironmentOptions())
        try DataFile.check(path: fixture.path + "/data.mdb", options: options())
    }

    @Test func fileOfAnotherKindIsRefused() throws {
        let path = try makeFile()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(repeating: 7, count: 20_000).write(to: URL(fileURLWithPath: path + "/data.mdb"))
        let failed = #expect(throws: LMDBError.self) { _ = try Environment(directory: path, options: options()) }
        #expect(failed?.isDamage == true)
    }

    @Test func emptyFileIsStartedAnew() throws {
        let path = try makeFile()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data().write(to: URL(fileURLWithPath: path + "/data.mdb"))
        _ = try Environment(directory: path, options: options())
    }

    @Test func everyTruncationIsRefusedBeforeMapping() throws {
        let path = try makeFile()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = path + "/data.mdb"
        let size = try #require(try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int)
        for pages in [size / 4_096 / 2, size / 4_096 / 4, 3, 2, 1] {
            #expect(truncate(file, pages * 4_096) == 0)
            let failed = #expect(throws: LMDBError.self) {
                var quick = options()
                quick.structureCheck = .lengthOnly
                _ = try Environment(directory: path, options: quick)
            }
            #expect(failed?.detail.contains("truncated") == true, "\(pages) pages: \(String(describing: failed))")
        }
    }
}
