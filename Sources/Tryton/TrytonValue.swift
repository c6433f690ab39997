internal import Inventory

/// A value of Tryton's JSON-RPC: JSON, and what JSON lacks as an object that names its class.
enum TrytonValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    case list([TrytonValue])
    case object([String: TrytonValue])
    case decimal(String)
    case date(year: Int, month: Int, day: Int)
}

extension TrytonValue {
    /// The field of a record; null when there is none.
    subscript(name: String) -> TrytonValue {
        if case .object(let fields) = self { fields[name] ?? .null } else { .null }
    }

    var integer: Int? {
        switch self {
        case .integer(let value): Int(value)
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    /// A quantity, which Tryton keeps as a float.
    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .decimal(let text): Double(text)
        default: nil
        }
    }

    var text: String? {
        if case .text(let value) = self { value } else { nil }
    }

    var list: [TrytonValue] {
        if case .list(let values) = self { values } else { [] }
    }

    /// A time, in nanoseconds since 1970. Tryton does not say of which zone its times are: as if it were UTC.
    var timeNanoseconds: Int64? {
        guard self["__class__"].text == "datetime" else { return nil }
        func digits(_ name: String, _ width: Int) -> String {
            let digits = String(self[name].integer ?? 0)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        let day = "\(digits("year", 4))-\(digits("month", 2))-\(digits("day", 2))"
        let second = "\(digits("hour", 2)):\(digits("minute", 2)):\(digits("second", 2))"
        return Timestamp.nanoseconds("\(day)T\(second).\(digits("microsecond", 6))Z")
    }

    /// A time as `timeNanoseconds` reads it, to the microsecond.
    static func time(_ nanoseconds: Int64) -> TrytonValue {
        // 2026-11-21T03:00:00
        let text = Timestamp.text(nanoseconds)
        func number(_ start: Int, _ count: Int) -> TrytonValue {
            .integer(Int64(text.dropFirst(start).prefix(count)) ?? 0)
        }
        return .object([
            "__class__": "datetime", "year": number(0, 4), "month": number(5, 2), "day": number(8, 2),
            "hour": number(11, 2), "minute": number(14, 2), "second": number(17, 2),
            "microsecond": .integer(nanoseconds % .perSecond / 1_000),
        ])
    }

    static func ids(_ ids: [Int]) -> TrytonValue { .list(ids.map { .integer(Int64($0)) }) }
    static func texts(_ texts: some Sequence<String>) -> TrytonValue { .list(texts.map { .text($0) }) }
    static func id(_ id: Int) -> TrytonValue { .integer(Int64(id)) }
}

// Domains and records are written down as literals.
extension TrytonValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int64) { self = .integer(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(nilLiteral: ()) { self = .null }
    init(arrayLiteral elements: TrytonValue...) { self = .list(elements) }
    init(dictionaryLiteral elements: (String, TrytonValue)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
}

extension TrytonValue: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let values = try? container.decode([TrytonValue].self) {
            self = .list(values)
        } else {
            self = Self.named(try container.decode([String: TrytonValue].self))
        }
    }

    /// An object as what its class says; as it is when the class is none that we know.
    private static func named(_ fields: [String: TrytonValue]) -> TrytonValue {
        switch fields["__class__"] {
        case .text("Decimal"):
            if let text = fields["decimal"]?.text { return .decimal(text) }
        case .text("date"):
            if let year = fields["year"]?.integer, let month = fields["month"]?.integer,
                let day = fields["day"]?.integer
            {
                return .date(year: year, month: month, day: day)
            }
        default: break
        }
        return .object(fields)
    }
}

extension TrytonValue: Encodable {
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let values): try container.encode(values)
        case .object(let fields): try container.encode(fields)
        case .decimal(let text):
            try container.encode(["__class__": TrytonValue.text("Decimal"), "decimal": .text(text)])
        case .date(let year, let month, let day):
            try container.encode([
                "__class__": TrytonValue.text("date"), "year": .id(year), "month": .id(month), "day": .id(day),
            ])
        }
    }
}
