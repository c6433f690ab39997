import Foundation
import Synchronization

/// A file in a directory of its own that is removed with it.
final class TestFile: Sendable {
    let directory: String
    let path: String

    init(_ name: String, _ text: String = "") throws {
        directory = NSTemporaryDirectory() + "catalogue-tests-\(UUID().uuidString)"
        path = directory + "/" + name
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        if !text.isEmpty { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
    }

    var text: String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }
}
