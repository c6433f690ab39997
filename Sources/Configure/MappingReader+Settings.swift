import Yams

extension MappingReader {
    /// Reports keys that are neither settings nor sections of the catalogue, and settings that are no single value.
    func refuseUnknownSettings() {
        var nested: [String: [String]] = [:]
        var top: [String] = CatalogueReader.Keys.sections
        for key in SettingKey.allCases {
            let parts = key.path.split(separator: ".").map(String.init)
            if parts.count == 1 {
                top.append(key.path)
                if let node = node(key.path), node.scalar == nil {
                    report(key.path, "expected a single value, not \(node.kindName)")
                }
            } else {
                nested[parts[0], default: []].append(parts[1])
            }
        }
        refuseUnknownKeys(known: (top + nested.keys).sorted())
        for section in nested.keys.sorted() {
            guard let reader = child(section), let known = nested[section] else { continue }
            reader.refuseUnknownKeys(known: known)
            for key in known {
                if let node = reader.node(key), node.scalar == nil {
                    reader.report(key, "expected a single value, not \(node.kindName)")
                }
            }
        }
    }
}
