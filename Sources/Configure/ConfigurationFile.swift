import Foundation
import Yams

/// A parsed YAML file whose every node still knows its line.
struct ConfigurationFile {
    /// As the author named it, for messages.
    let name: String
    let root: Node.Mapping

    /// Reads and parses the file at `path`.
    init(path: String) throws(ConfigurationError) {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            let isMissing = !FileManager.default.fileExists(atPath: path)
            throw Self.error(path, line: nil, isMissing ? "no such file" : "cannot be read as UTF-8 text")
        }
        try self.init(name: path, text: text)
    }

    /// Parses `text`. A file with nothing in it is an empty configuration.
    init(name: String, text: String) throws(ConfigurationError) {
        self.name = name
        let node: Node?
        do {
            node = try compose(yaml: text)
        } catch let error as YamlError {
            throw Self.error(name, error)
        } catch {
            throw Self.error(name, line: nil, "is not YAML: \(error)")
        }
        switch node {
        case .mapping(let mapping)?: root = mapping
        case nil: root = Node.Mapping([])
        case let other?:
            guard other.isAbsentValue else {
                throw Self.error(name, line: other.mark?.line, "must be a mapping of keys to values")
            }
            root = Node.Mapping([])
        }
    }

    /// The scalar at a dotted path, with the line it stands in. Values left empty count as absent.
    func scalar(_ path: String) -> (text: String, line: Int?)? {
        var node = Node.mapping(root)
        for component in path.split(separator: ".") {
            guard case .mapping(let mapping) = node, let child = mapping[String(component)] else { return nil }
            node = child
        }
        guard case .scalar(let scalar) = node, !node.isAbsentValue else { return nil }
        return (scalar.string, scalar.mark?.line)
    }

    private static func error(_ name: String, line: Int?, _ reason: String) -> ConfigurationError {
        ConfigurationError(problems: [ConfigurationProblem(place: name, line: line, key: "", reason: reason)])
    }

    private static func error(_ name: String, _ error: YamlError) -> ConfigurationError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            Self.error(name, line: mark.line, "is not YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            Self.error(name, line: context.mark.line, "the same key twice: \(duplicates.joined(separator: ", "))")
        default:
            Self.error(name, line: nil, "is not YAML: \(error)")
        }
    }
}

extension Node {
    /// `key:` with nothing behind it, `~` or `null`.
    var isAbsentValue: Bool {
        guard case .scalar(let scalar) = self, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// What the value is, for messages.
    var kindName: String {
        switch self {
        case .scalar: "a single value"
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }
}
