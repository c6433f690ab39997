import Foundation

/// Completes a command line from the environment: an option that was not given takes its value from `AVAIL_…`. What
/// options there are is taken from the argument parser's own description of the commands.
struct EnvironmentArguments {
    private struct Tool: Decodable {
        var command: Command
    }

    private struct Command: Decodable {
        var commandName: String
        var subcommands: [Command]?
        var arguments: [Argument]?
    }

    private struct Argument: Decodable {
        var kind: String
        var names: [Name]?
    }

    private struct Name: Decodable {
        var kind: String
        var name: String

        var spelling: String { kind == "long" ? "--\(name)" : "-\(name)" }
    }

    private let root: Command

    /// - Parameter help: the parser's JSON description. Nil when it cannot be understood.
    init?(help: String) {
        guard let tool = try? JSONDecoder().decode(Tool.self, from: Data(help.utf8)) else { return nil }
        root = tool.command
    }

    /// The environment variable of a long option: `AVAIL_TLS_CA` for `tls-ca`.
    static func variable(for option: String) -> String {
        "AVAIL_" + option.uppercased().replacing("-", with: "_")
    }

    func completing(_ arguments: [String], from environment: [String: String]) -> [String] {
        var command = root
        var depth = 0
        while depth < arguments.count,
            let next = command.subcommands?.first(where: { $0.commandName == arguments[depth] })
        {
            command = next
            depth += 1
        }
        let options = arguments[depth...].prefix { $0 != "--" }
        var added: [String] = []
        for argument in command.arguments ?? [] {
            added += completion(of: argument, given: options, environment: environment)
        }
        return Array(arguments[..<depth]) + added + Array(arguments[depth...])
    }

    private func completion(
        of argument: Argument, given: ArraySlice<String>, environment: [String: String]
    ) -> [String] {
        let names = argument.names ?? []
        guard let long = names.first(where: { $0.kind == "long" }), !["help", "version"].contains(long.name) else {
            return []
        }
        let isInversion = argument.kind == "flag" && long.name.hasPrefix("no-")
        let subject = isInversion ? String(long.name.dropFirst("no-".count)) : long.name
        let spellings = names.map(\.spelling) + ["--\(subject)", "--no-\(subject)"]
        let isGiven = given.contains { option in spellings.contains { option == $0 || option.hasPrefix($0 + "=") } }
        guard !isGiven, let value = environment[Self.variable(for: subject)], !value.isEmpty else { return [] }
        switch argument.kind {
        case "option":
            return [long.spelling, value]
        case "flag":
            // A flag and its inversion share a variable: AVAIL_SPLIT_ALLOWED=false is --no-split-allowed.
            let isOn = ["1", "true", "yes", "on"].contains(value.lowercased())
            return isOn != isInversion ? [long.spelling] : []
        default:
            return []
        }
    }
}
