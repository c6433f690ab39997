import Foundation
import Logging
import Synchronization
import Testing

@testable import Operations

/// Keeps what a handler writes.
private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])

    var output: LogOutput {
        LogOutput(
            write: { line in self.lines.withLock { $0.append(line) } },
            now: { Date(timeIntervalSince1970: 1_795_230_000.25) })
    }

    var all: [String] { lines.withLock { $0 } }
}

private struct Failure: Error, CustomStringConvertible {
    let description = "disk \"full\""
}

struct JSONLogHandlerTests {
    private func logged(_ body: (Logger) -> Void) throws -> [[String: Any]] {
        let lines = Lines()
        let logger = Logger(label: "server") { label in
            var handler = JSONLogHandler(label: label, level: .info, output: lines.output)
            handler.metadata["instance"] = "one"
            handler.metadataProvider = Logger.MetadataProvider { ["traceparent": "00-ab"] }
            return handler
        }
        body(logger)
        return try lines.all.map { line in
            #expect(line.hasSuffix("}\n") && line.dropLast().allSatisfy { $0 != "\n" })
            return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    @Test func aRecordIsOneFlatObject() throws {
        let records = try logged { logger in
            logger.debug("below the level")
            logger.warning(
                "queue \"full\"\n\u{1B}[31m\u{7F}",
                metadata: [
                    "request_id": "r-1", "level": "mine", "count": .stringConvertible(3),
                    "isReady": .stringConvertible(true), "seconds": .stringConvertible(0.5),
                    "peer": ["address": "127.0.0.1", "tls": ["version": "1.3"]], "skus": ["a", "b"],
                ])
        }
        let record = try #require(records.first)
        #expect(records.count == 1)
        #expect(record["timestamp"] as? String == "2026-11-21T03:00:00.250Z")
        #expect(record["level"] as? String == "warning")
        #expect(record["logger"] as? String == "server")
        #expect(record["message"] as? String == "queue \"full\"\n\u{1B}[31m\u{7F}")
        #expect(record["instance"] as? String == "one")
        #expect(record["traceparent"] as? String == "00-ab")
        #expect(record["request_id"] as? String == "r-1")
        #expect(record["metadata.level"] as? String == "mine")
        #expect(record["count"] as? Int == 3)
        #expect(record["isReady"] as? Bool == true)
        #expect(record["seconds"] as? Double == 0.5)
        #expect(record["peer.address"] as? String == "127.0.0.1")
        #expect(record["peer.tls.version"] as? String == "1.3")
        #expect(record["skus"] as? [String] == ["a", "b"])
    }

    @Test func anErrorIsWrittenBesideTheMessage() throws {
        let records = try logged { $0.error("write failed", error: Failure()) }
        #expect(records.first?["error"] as? String == "disk \"full\"")
    }
}

struct TextLogHandlerTests {
    @Test func aRecordIsOneReadableLine() {
        let lines = Lines()
        let logger = Logger(label: "server") { TextLogHandler(label: $0, level: .info, output: lines.output) }
        logger.info("listening", metadata: ["address": "127.0.0.1:50051", "note": "a b"])
        logger.error("from a caller: \u{1B}[2J\nforged", metadata: ["empty": ""])
        #expect(
            lines.all == [
                "2026-11-21T03:00:00.250Z INFO     server: listening address=127.0.0.1:50051 note=\"a b\"\n",
                "2026-11-21T03:00:00.250Z ERROR    server: from a caller: \\u001b[2J\\nforged empty=\"\"\n",
            ])
    }
}
