internal import FoundationEssentials
internal import Inventory

/// The name of a field of a JSON object.
struct FieldName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) {
        stringValue = name
    }

    init?(stringValue: String) {
        self.init(stringValue)
    }

    init?(intValue: Int) { nil }
}

/// A text that is no number.
private struct NoNumber: Error {}

/// Reads the fields of one message as proto JSON writes them: each by its name in the proto or in lowerCamelCase, null as
/// absent, 64-bit numbers as numbers or strings (protobuf.dev, ProtoJSON Format). Errors name the field by its path.
struct ObjectReader {
    private let container: KeyedDecodingContainer<FieldName>
    private let path: String
    private var known: Set<String> = []

    /// - Parameter path: where the object stands, with a dot at its end; empty: at the top.
    init(_ decoder: any Decoder, path: String = "") throws(EventRejection) {
        self.path = path
        do {
            container = try decoder.container(keyedBy: FieldName.self)
        } catch {
            throw EventRejection(.invalidField, "\(path.isEmpty ? "event" : String(path.dropLast())): is no object")
        }
    }

    mutating func string(_ name: String) throws(EventRejection) -> String {
        try value(name, "is no string") { container, key in try container.decode(String.self, forKey: key) } ?? ""
    }

    mutating func int64(_ name: String) throws(EventRejection) -> Int64? { try number(name, "is no 64-bit number") }

    mutating func uint64(_ name: String) throws(EventRejection) -> UInt64? {
        try number(name, "is no unsigned 64-bit number")
    }

    mutating func uint32(_ name: String) throws(EventRejection) -> UInt32? {
        try number(name, "is no unsigned 32-bit number")
    }

    /// RFC 3339; nil: absent.
    mutating func time(_ name: String) throws(EventRejection) -> WallNanoseconds? {
        let text = try string(name)
        if text.isEmpty { return nil }
        guard let time = Timestamp.nanoseconds(text) else { throw problem(name, "is no time of RFC 3339 after 1970") }
        return time
    }

    /// A value of an enum by its name or its number; UNSPECIFIED and 0 count as absent.
    mutating func named<Value>(
        _ name: String, unspecified: String, byName: (String) -> Value?, byNumber: (Int64) -> Value?
    ) throws(EventRejection) -> Value? {
        let text = try value(name, "is no name") { container, key in
            do {
                return try container.decode(String.self, forKey: key)
            } catch {
                return String(try container.decode(Int64.self, forKey: key))
            }
        }
        guard let text, text != unspecified, text != "0", text != "" else { return nil }
        guard let value = byName(text) ?? Int64(text).flatMap(byNumber) else {
            throw problem(name, "there is no \(text.prefix(64))")
        }
        return value
    }

    /// A message within; nil: absent.
    mutating func object<Value>(
        _ name: String, _ read: (inout ObjectReader) throws(EventRejection) -> Value
    ) throws(EventRejection) -> Value? {
        guard let decoder = try value(name, "is no object", { try $0.superDecoder(forKey: $1) }) else { return nil }
        var reader = try ObjectReader(decoder, path: "\(path)\(name).")
        let value = try read(&reader)
        try reader.checkAllRead()
        return value
    }

    /// Messages within.
    mutating func objects<Value>(
        _ name: String, countMax: Int, _ read: (inout ObjectReader) throws(EventRejection) -> Value
    ) throws(EventRejection) -> [Value] {
        let list = try value(name, "is no list") { try $0.nestedUnkeyedContainer(forKey: $1) }
        guard var list else { return [] }
        var values: [Value] = []
        while !list.isAtEnd {
            guard values.count < countMax else { throw problem(name, "at most \(countMax)") }
            let decoder: any Decoder
            do {
                decoder = try list.superDecoder()
            } catch {
                throw problem(name, "is no list of objects")
            }
            var reader = try ObjectReader(decoder, path: "\(path)\(name)[\(values.count)].")
            values.append(try read(&reader))
            try reader.checkAllRead()
        }
        return values
    }

    /// As proto JSON demands: a field with a wrong name is none that was left out.
    func checkAllRead() throws(EventRejection) {
        if let other = container.allKeys.map(\.stringValue).sorted().first(where: { !known.contains($0) }) {
            throw EventRejection(.invalidField, "\(path)\(other.prefix(64)): there is no such field")
        }
    }

    // MARK: One value

    private mutating func number<Number: FixedWidthInteger & Decodable>(
        _ name: String, _ wrong: String
    ) throws(EventRejection) -> Number? {
        try value(name, wrong) { container, key in
            guard let text = try? container.decode(String.self, forKey: key) else {
                return try container.decode(Number.self, forKey: key)
            }
            guard let number = Number(text) else { throw NoNumber() }
            return number
        }
    }

    /// Nil: absent or null.
    private mutating func value<Value>(
        _ name: String, _ wrong: String, _ decode: (KeyedDecodingContainer<FieldName>, FieldName) throws -> Value
    ) throws(EventRejection) -> Value? {
        let camel = Self.camelCase(name)
        known.insert(name)
        known.insert(camel)
        let isSnake = container.contains(FieldName(name))
        if isSnake && camel != name && container.contains(FieldName(camel)) {
            throw problem(name, "is given twice, as \(camel) too")
        }
        let key = FieldName(isSnake ? name : camel)
        guard container.contains(key) else { return nil }
        do {
            if try container.decodeNil(forKey: key) { return nil }
            return try decode(container, key)
        } catch {
            throw problem(name, wrong)
        }
    }

    private func problem(_ name: String, _ reason: String) -> EventRejection {
        EventRejection(.invalidField, "\(path)\(name): \(reason)")
    }

    private static func camelCase(_ name: String) -> String {
        let words = name.split(separator: "_")
        return words.dropFirst().reduce(into: String(words.first ?? "")) {
            $0 += $1.prefix(1).uppercased() + $1.dropFirst()
        }
    }
}
