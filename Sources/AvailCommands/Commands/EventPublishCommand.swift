import ArgumentParser
import Foundation
import GRPCCore
import Proto
import SwiftProtobuf

struct EventPublishCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Publish one event given by options, or many from a file.",
        discussion: """
            A file holds one InventoryEvent in protobuf JSON on each line. Batches of 1,000 are published one after \
            the other; events published before count once however often they are repeated, so a broken run is resumed \
            by running it again.
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("JSON lines; - is standard input.", valueName: "FILE"))
    var file: String?

    @OptionGroup var event: EventOptions
    @OptionGroup var client: ClientOptions

    func validate() throws {
        if file == nil, event.type == nil { throw ValidationError("give --type for one event, or --file") }
        if file != nil, event.type != nil { throw ValidationError("--type and --file exclude each other") }
    }

    func run(_ connection: Connection) async throws {
        let publisher = EventPublisher(connection: connection, format: client.output)
        if let file {
            try await publish(try EventFile(path: file), by: publisher)
        } else if let event = try event.event() {
            try await publisher.publish([NumberedEvent(line: nil, event: event)])
        }
        try publisher.finish()
    }

    private func publish(_ file: EventFile, by publisher: EventPublisher) async throws {
        var batch: [NumberedEvent] = []
        do {
            while let event = try file.next() {
                batch.append(event)
                if batch.count == EventPublisher.batchSize {
                    try await publisher.publish(batch)
                    batch = []
                }
            }
        } catch let error as InputError {
            // What stands before the bad line is published, so that a run over the mended file goes on from there.
            if !batch.isEmpty { try await publisher.publish(batch) }
            try? publisher.finish()
            throw error
        }
        if !batch.isEmpty { try await publisher.publish(batch) }
    }
}
