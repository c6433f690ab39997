import ArgumentParser
import Foundation
import GRPCCore
import Proto
import SwiftProtobuf

struct ChannelSetCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change a channel's policy.",
        discussion: """
            The channel is read, changed and written back under its etag, so that a change made meanwhile is not lost: \
            then the call fails with ABORTED and is simply run again. With --file the whole policy is replaced (a \
            ChannelPolicy in protobuf JSON, as in the `policy` of `avail channel show -o json`); options are applied \
            over it.
            """)

    @Argument var channel: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The policy in JSON; - is standard input.", valueName: "FILE"))
    var file: String?

    @OptionGroup var change: PolicyOptions

    @Option(help: "A name for people.") var displayName: String?
    @Option(help: "Change only this version. Default: the one just read.") var etag: String?
    @Option(help: "Why, for the audit log.") var reason: String?
    @Flag(help: "Check everything, change nothing.") var validateOnly = false
    @Flag(help: "Create the channel if it does not exist.") var allowMissing = false
    @OptionGroup var client: ClientOptions

    func run(_ connection: Connection) async throws {
        let policy = try file.map(Self.policy)
        var channel = try await current(connection)
        if let policy { channel.policy = policy }
        change.apply(to: &channel.policy)
        if let displayName { channel.displayName = displayName }
        var request = Availability_V1_UpdateChannelRequest()
        request.etag = etag ?? channel.etag
        request.channel = channel
        request.channel.etag = ""
        request.validateOnly = validateOnly
        request.reason = reason ?? ""
        request.allowMissing = allowMissing
        let response = try await connection.policy.updateChannel(
            request, metadata: connection.metadata, options: connection.options)
        try PolicyText.write(response.channel, format: client.output)
        if validateOnly { Diagnostics.write("checked only: nothing was changed") }
    }

    private func current(_ connection: Connection) async throws -> Availability_V1_Channel {
        let id = channel
        do {
            return try await connection.policy.getChannel(
                .with { $0.id = id }, metadata: connection.metadata, options: connection.options
            ).channel
        } catch let error as RPCError where error.code == .notFound && allowMissing {
            return .with { $0.id = id }
        }
    }

    private static func policy(path: String) throws -> Availability_V1_ChannelPolicy {
        do {
            let data =
                try path == "-"
                ? FileHandle.standardInput.readToEnd() ?? Data() : Data(contentsOf: URL(filePath: path))
            return try Availability_V1_ChannelPolicy(jsonUTF8Data: data)
        } catch {
            throw InputError(description: "\(path): not a ChannelPolicy in JSON: \(error)")
        }
    }
}
