import ArgumentParser
import Foundation
import SwiftProtobuf

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    /// For people.
    case table
    /// Protobuf JSON, one message a line.
    case json
}

/// Data for standard output.
enum Output {
    static func write(_ line: String) throws {
        try write(line, to: .standardOutput)
    }

    /// A reader that has seen enough is no failure to speak of: it ends the command quietly.
    static func write(_ line: String, to handle: FileHandle) throws {
        do {
            try handle.write(contentsOf: Data((line + "\n").utf8))
        } catch let error as NSError where (error.userInfo[NSUnderlyingErrorKey] as? NSError)?.code == Int(EPIPE) {
            throw ExitCode(ExitStatus.brokenPipe)
        }
    }

    static func write(_ message: any Message) throws {
        var options = JSONEncodingOptions()
        options.useDeterministicOrdering = true
        try write(message.jsonString(options: options))
    }

    static func write(_ table: TextTable) throws {
        let lines = table.lines { isStyled ? "\u{1B}[1m\($0)\u{1B}[0m" : $0 }
        try write(lines.joined(separator: "\n"))
    }

    /// Terminals get a bold title line unless NO_COLOR is set (https://no-color.org).
    private static var isStyled: Bool {
        let noColor = ProcessInfo.processInfo.environment["NO_COLOR"] ?? ""
        return isatty(STDOUT_FILENO) == 1 && noColor.isEmpty
    }
}

/// Everything that is not data, for standard error.
enum Diagnostics {
    static func write(_ text: String, terminator: String = "\n") {
        try? FileHandle.standardError.write(contentsOf: Data((text + terminator).utf8))
    }

    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}
