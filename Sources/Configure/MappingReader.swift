import Yams

/// Reads one mapping of the file and collects what is wrong with it, with line and key path.
struct MappingReader {
    let file: ConfigurationFile
    /// Empty at the root.
    let path: String
    let mapping: Node.Mapping
    let problems: ProblemCollector

    init(file: ConfigurationFile, problems: ProblemCollector) {
        self.init(file: file, path: "", mapping: file.root, problems: problems)
    }

    private init(file: ConfigurationFile, path: String, mapping: Node.Mapping, problems: ProblemCollector) {
        self.file = file
        self.path = path
        self.mapping = mapping
        self.problems = problems
    }

    func keyPath(_ key: String) -> String {
        path.isEmpty ? key : "\(path).\(key)"
    }

    /// The node of `key` unless it is absent or empty.
    func node(_ key: String) -> Node? {
        // Not by the mapping's own look-up: there '001' in quotes is another key than 001.
        guard let node = mapping.first(where: { $0.key.string == key })?.value, !node.isAbsentValue else { return nil }
        return node
    }

    func report(_ key: String, _ reason: String, at node: Node? = nil) {
        let keyNode = mapping.first { $0.key.string == key }?.key
        let mark = (node ?? mapping[key] ?? keyNode)?.mark ?? mapping.mark
        problems.add(place: file.name, line: mark?.line, key: keyPath(key), reason)
    }

    /// Reports something about this mapping as a whole.
    func reportSelf(_ reason: String) {
        problems.add(place: file.name, line: mapping.mark?.line, key: path, reason)
    }

    /// Reports every key that is not in `known`, with the one that was probably meant, or for the reason given.
    func refuseUnknownKeys(known: [String], reason: (String) -> String? = { _ in nil }) {
        for (keyNode, _) in mapping {
            let key = keyNode.string ?? "?"
            guard !known.contains(key) else { continue }
            let suggestion = Suggestion.nearest(to: key, among: known).map { "; did you mean \($0)?" } ?? ""
            let named = keyPath(key.isEmpty ? "\"\"" : key)
            let words = reason(key) ?? "unknown key" + suggestion
            problems.add(place: file.name, line: keyNode.mark?.line, key: named, words)
        }
    }

    /// The value of `key` as `parse` understands it. Nil when absent, and when it is reported as a bad value.
    func value<Value>(_ key: String, expected: String, _ parse: (String) -> Value?) -> Value? {
        guard let node = node(key) else { return nil }
        return scalar(node, key: key, expected: expected, parse)
    }

    /// The scalars of the list under `key`. Nil when absent or no list.
    func list<Value>(_ key: String, expected: String, _ parse: (String) -> Value?) -> [(value: Value, node: Node)]? {
        guard let node = node(key) else { return nil }
        guard case .sequence(let sequence) = node else {
            report(key, "expected a list of \(expected), not \(node.kindName)", at: node)
            return nil
        }
        return sequence.enumerated().compactMap { index, element in
            scalar(element, key: "\(key)[\(index)]", expected: expected, parse).map { ($0, element) }
        }
    }

    /// The mapping under `key`. Nil when absent or something else.
    func child(_ key: String) -> MappingReader? {
        guard let node = node(key) else { return nil }
        return child(node, key: key)
    }

    /// The mappings of the list under `key`.
    func children(_ key: String) -> [MappingReader] {
        guard let node = node(key) else { return [] }
        guard case .sequence(let sequence) = node else {
            report(key, "expected a list of mappings, not \(node.kindName)", at: node)
            return []
        }
        return sequence.enumerated().compactMap { index, element in child(element, key: "\(key)[\(index)]") }
    }

    /// The named mappings under this one, in the file's order; a name with nothing behind it is an empty mapping.
    func entries(named kind: String) -> [(id: String, reader: MappingReader)] {
        mapping.compactMap { keyNode, node in
            guard let id = keyNode.string, Quantities.identifier(id) != nil else {
                problems.add(
                    place: file.name, line: keyNode.mark?.line, key: keyPath(keyNode.string ?? "?"),
                    "expected \(kind) of 1 to 32 bytes without control characters")
                return nil
            }
            let entry = node.isAbsentValue ? Node.mapping(Node.Mapping([], .implicit, .any, keyNode.mark)) : node
            return child(entry, key: id).map { (id, $0) }
        }
    }

    private func child(_ node: Node, key: String) -> MappingReader? {
        guard case .mapping(let mapping) = node else {
            report(key, "expected a mapping of keys to values, not \(node.kindName)", at: node)
            return nil
        }
        return MappingReader(file: file, path: keyPath(key), mapping: mapping, problems: problems)
    }

    func scalar<Value>(_ node: Node, key: String, expected: String, _ parse: (String) -> Value?) -> Value? {
        guard case .scalar(let scalar) = node else {
            report(key, "expected \(expected), not \(node.kindName)", at: node)
            return nil
        }
        guard let value = parse(scalar.string) else {
            report(key, "expected \(expected), not '\(scalar.string)'", at: node)
            return nil
        }
        return value
    }
}
