import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

/// Publishes batches and keeps the score. Belongs to one task.
final class EventPublisher {
    /// The server's limit for one batch.
    static let batchSize = 1_000
    private static let attemptsMax = 5

    private let connection: Connection
    private let format: OutputFormat
    private(set) var counts: [Availability_V1_EventOutcome: Int] = [:]
    private var total = 0

    init(connection: Connection, format: OutputFormat) {
        self.connection = connection
        self.format = format
    }

    func publish(_ batch: [NumberedEvent]) async throws {
        let response = try await send(.with { $0.events = batch.map(\.event) })
        for (numbered, result) in zip(batch, response.results) {
            counts[result.outcome, default: 0] += 1
            guard result.outcome == .deadLettered, format == .table else { continue }
            let place = numbered.line.map { "line \($0): " } ?? ""
            Diagnostics.write(
                TextTable.printable("\(place)event \(result.eventID) was dead-lettered: \(result.reason)"))
        }
        total += batch.count
        if format == .json { try Output.write(response) }
        if Diagnostics.isTerminal, batch.count == Self.batchSize {
            Diagnostics.write("\r\(total) events", terminator: "")
        }
    }

    /// Says what became of the events; throws the exit status when some were dead-lettered.
    func finish() throws {
        if Diagnostics.isTerminal, total >= Self.batchSize { Diagnostics.write("") }
        if format == .table {
            var table = TextTable([("OUTCOME", .left), ("EVENTS", .right)])
            for outcome in Availability_V1_EventOutcome.allCases {
                if let count = counts[outcome] { table.add([outcome.shortName, "\(count)"]) }
            }
            try Output.write(table)
        }
        if counts[.deadLettered] != nil { throw ExitCode(ExitStatus.deadLettered) }
    }

    /// A batch is safe to repeat, so a server that is full or away is asked again, when it says so or ever more slowly.
    private func send(
        _ request: Availability_V1_PublishEventsRequest
    ) async throws -> Availability_V1_PublishEventsResponse {
        for attempt in 1... {
            do {
                return try await connection.feed.publishEvents(
                    request, metadata: connection.metadata, options: connection.options)
            } catch let error as RPCError {
                let isRepeatable = error.code == .resourceExhausted || (error.code == .unavailable && total > 0)
                guard isRepeatable, attempt < Self.attemptsMax else { throw error }
                try await Task.sleep(for: FailureText.retryDelay(of: error) ?? .milliseconds(100 << attempt))
            }
        }
        preconditionFailure("the last attempt throws")
    }
}
