import ArgumentParser

/// A command that calls the server.
protocol ClientCommand: AsyncParsableCommand, Sendable {
    var client: ClientOptions { get }

    func run(_ connection: Connection) async throws
}

extension ClientCommand {
    mutating func run() async throws {
        let command = self
        try await Connection.with(client) { try await command.run($0) }
    }
}
