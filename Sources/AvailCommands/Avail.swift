public import ArgumentParser
import Foundation
import GRPCCore

/// The command-line client. It speaks only the public API.
public struct Avail: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "avail",
        abstract: "Ask and feed an availability server, and hold its stock.",
        discussion: """
            Every option may also be given as an environment variable: --tls-ca as AVAIL_TLS_CA. A bearer token is \
            read from AVAIL_TOKEN only. Data goes to standard output, everything else to standard error.

            Exit status: 0; 64 wrong usage or input; 64 + gRPC status code when a call fails (78: UNAVAILABLE); of \
            `event publish`, `event replay` and `dead-letter replay` 1 when events were dead-lettered; of `health` what \
            Nagios expects; 128 + the signal's number when a watch was interrupted or the reader of the output went \
            away (141).
            """,
        subcommands: [
            CheckCommand.self, ExplainCommand.self, ScheduleCommand.self, WatchCommand.self,
            ReserveCommand.self, ReservationCommand.self, EventCommand.self, ChannelCommand.self, PositionCommand.self,
            SourceCommand.self, PublicationCommand.self, DeadLetterCommand.self, ErpCommand.self, ReconcileCommand.self,
            RebuildCommand.self, AuditCommand.self, StatusCommand.self, HealthCommand.self,
        ])

    public init() {}

    public static func main() async {
        // A reader that went away ends the output, not with a signal but with an error: `Output` makes it the status.
        signal(SIGPIPE, SIG_IGN)
        let environment = ProcessInfo.processInfo.environment
        let given = Array(CommandLine.arguments.dropFirst())
        let arguments = EnvironmentArguments(help: _dumpHelp())?.completing(given, from: environment) ?? given
        do {
            var command = try parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as RPCError {
            Diagnostics.write(FailureText.lines(of: error).joined(separator: "\n"))
            Foundation.exit(ExitStatus.of(error))
        } catch let error as InputError {
            Diagnostics.write("avail: \(error.description)")
            Foundation.exit(ExitStatus.usage)
        } catch {
            exit(withError: error)
        }
    }
}
