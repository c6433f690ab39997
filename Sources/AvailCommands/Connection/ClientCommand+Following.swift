import ArgumentParser
import GRPCCore

extension ClientCommand {
    /// Runs what goes on until a signal ends it; the call's deadline does not apply. Interrupted, the command exits as the
    /// signal's default would have it.
    func untilInterrupted(_ connection: Connection, _ follow: @escaping @Sendable (CallOptions) async throws -> Void)
        async throws
    {
        var options = connection.options
        options.timeout = nil
        let interruption = try await withThrowingTaskGroup(of: Int32?.self) { [options] group in
            group.addTask { await Interruption.wait() }
            group.addTask {
                try await follow(options)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        if let interruption { throw ExitCode(ExitStatus.of(signal: interruption)) }
    }

    /// Shows messages as they come. However that ends, what was shown is not shown again: the newest token is told on
    /// standard error, as the option that goes on from there.
    func show<Message: Sendable>(
        _ messages: RPCAsyncSequence<Message, any Error>, after token: String?,
        _ tokenOf: @Sendable (Message) -> String, _ show: @Sendable (Message) throws -> Void
    ) async throws {
        var token = token ?? ""
        defer {
            if !token.isEmpty { Diagnostics.write(TextTable.printable("to go on from here: --resume-token \(token)")) }
        }
        for try await message in messages {
            try show(message)
            if !tokenOf(message).isEmpty { token = tokenOf(message) }
        }
    }
}
