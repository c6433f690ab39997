/// One thing wrong with a configuration, said so that its author can find and mend it.
public struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
    /// Where the value stands: a file, an environment variable or a flag. Empty when no value is to blame.
    public var place: String
    /// The line in the file, from 1; absent for the file as a whole and for other places.
    public var line: Int?
    /// The key's path, for example `channels.web.buffer`. Empty for the file as a whole.
    public var key: String
    public var reason: String

    public init(place: String, line: Int? = nil, key: String, reason: String) {
        self.place = place
        self.line = line
        self.key = key
        self.reason = reason
    }

    public var description: String {
        [line.map { "\(place):\($0)" } ?? place, key, reason].filter { !$0.isEmpty }.joined(separator: ": ")
    }
}

/// A configuration that cannot be used, with everything that is wrong with it.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// At least one, in the file's order.
    public var problems: [ConfigurationProblem]

    public init(problems: [ConfigurationProblem]) { self.problems = problems }

    /// One problem a line.
    public var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}

/// Collects problems while a configuration is read. Belongs to the thread that reads.
final class ProblemCollector {
    private var found: [ConfigurationProblem] = []

    func add(place: String, line: Int? = nil, key: String, _ reason: String) {
        found.append(ConfigurationProblem(place: place, line: line, key: key, reason: reason))
    }

    /// In the file's order, after those that stand elsewhere.
    var problems: [ConfigurationProblem] {
        found.enumerated()
            .sorted { ($0.element.line ?? 0, $0.offset) < ($1.element.line ?? 0, $1.offset) }
            .map(\.element)
    }
}
