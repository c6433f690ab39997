import ArgumentParser
import Foundation

/// The options of every command that calls the server.
struct ClientOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server's gRPC port.", valueName: "HOST:PORT"))
    var address = "127.0.0.1:50051"

    @Flag(help: "Use TLS. Implied by the other --tls options.")
    var tls = false

    @Option(help: ArgumentHelp("PEM: the authorities to trust. Default: the system's.", valueName: "FILE"))
    var tlsCa: String?

    @Option(help: ArgumentHelp("PEM: the client's certificate chain.", valueName: "FILE"))
    var tlsCert: String?

    @Option(help: ArgumentHelp("PEM: the client's private key.", valueName: "FILE"))
    var tlsKey: String?

    @Option(help: ArgumentHelp("How long a call may take.", valueName: "DURATION"))
    var timeout = DurationArgument(argument: "10s")!

    @Option(name: .shortAndLong, help: ArgumentHelp("table or json.", valueName: "FORMAT"))
    var output = OutputFormat.table

    var usesTLS: Bool { tls || tlsCa != nil || tlsCert != nil || tlsKey != nil }

    func validate() throws {
        if ServerAddress(address) == nil { throw ValidationError("--address must be HOST:PORT, not '\(address)'") }
        if (tlsCert == nil) != (tlsKey == nil) { throw ValidationError("--tls-cert and --tls-key need each other") }
        if timeout.nanoseconds == 0 { throw ValidationError("--timeout must be more than 0") }
    }
}
