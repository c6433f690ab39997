import Foundation
import Proto
import SwiftProtobuf

/// An event and the line it stands in; no line when it came from options.
struct NumberedEvent {
    var line: Int?
    var event: Availability_V1_InventoryEvent
}

/// Reads events from JSON lines, one at a time. Empty lines are skipped. Belongs to one task.
final class EventFile {
    private static let chunkBytes = 64 << 10
    /// A message is at most 4 MiB, so a longer line is no event.
    private static let lineBytesMax = 4 << 20

    private let name: String
    private let handle: FileHandle
    private var buffer = Data()
    private var isAtEnd = false
    private var line = 0

    /// - Parameter path: `-` is standard input.
    init(path: String) throws {
        name = path == "-" ? "standard input" : path
        guard path != "-" else {
            handle = .standardInput
            return
        }
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw InputError(description: "\(path): cannot be read")
        }
        self.handle = handle
    }

    /// The next event; nil at the end.
    func next() throws -> NumberedEvent? {
        while let text = try nextLine() {
            line += 1
            let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
            if trimmed.isEmpty { continue }
            do {
                return NumberedEvent(line: line, event: try Availability_V1_InventoryEvent(jsonString: trimmed))
            } catch {
                throw InputError(description: "\(name):\(line): not an InventoryEvent in JSON: \(error)")
            }
        }
        return nil
    }

    private func nextLine() throws -> String? {
        while true {
            if let newline = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let text = String(decoding: buffer[..<newline], as: UTF8.self)
                buffer = buffer[buffer.index(after: newline)...]
                return text
            }
            if isAtEnd {
                defer { buffer = Data() }
                return buffer.isEmpty ? nil : String(decoding: buffer, as: UTF8.self)
            }
            guard buffer.count <= Self.lineBytesMax else {
                throw InputError(description: "\(name):\(line + 1): longer than \(Self.lineBytesMax) bytes")
            }
            let chunk = try handle.read(upToCount: Self.chunkBytes) ?? Data()
            isAtEnd = chunk.isEmpty
            // Copied into a fresh buffer, so that what was read long ago is let go.
            buffer = Data(buffer) + chunk
        }
    }
}
