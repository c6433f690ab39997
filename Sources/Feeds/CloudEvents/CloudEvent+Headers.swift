internal import Calls
internal import FoundationEssentials

/// The binary mode of the HTTP binding (CloudEvents HTTP binding 1.0.2, section 3.1).
extension CloudEvent {
    init(head: HTTPHead, body: [UInt8]) throws(NoCloudEvent) {
        attributes = [:]
        for name in Self.attributeNames where name != "datacontenttype" {
            guard let value = head["ce-\(name)"] else { continue }
            guard let text = HeaderText.decoded(value) else {
                throw NoCloudEvent("ce-\(name): is not percent-encoded UTF-8")
            }
            attributes[name] = text
        }
        attributes["datacontenttype"] = head["Content-Type"]
        data = Self.data(body, contentType: attributes["datacontenttype"] ?? "")
    }

    /// One of the binary mode in the JSON format, so that it can be read again. The data is in there as it came.
    static func json(attributes: [String: String], data: [UInt8]) -> [UInt8] {
        var members = attributes.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }.map { name, value in
            Array("\(quoted(name)):\(quoted(value))".utf8)
        }
        if !data.isEmpty {
            // Within the event it lies one deeper.
            let isValue =
                (try? JSONShape.check(data, depthMax: JSONShape.depthMax - 1)) != nil
                && isJSON(attributes["datacontenttype"] ?? "") && isDecodable(data)
            members.append(
                isValue
                    ? Array("\"data\":".utf8) + data
                    : Array("\"data_base64\":\"\(Data(data).base64EncodedString())\"".utf8))
        }
        return Array("{".utf8) + members.joined(separator: Array(",".utf8)) + Array("}".utf8)
    }

    private static func quoted(_ text: String) -> String {
        (try? JSONEncoder().encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }

    /// Whether it is JSON other than null, which would read as no data.
    private static func isDecodable(_ data: [UInt8]) -> Bool {
        struct Anything: Decodable {
            var isNull: Bool
            init(from decoder: any Decoder) throws { isNull = try decoder.singleValueContainer().decodeNil() }
        }
        return (try? JSONDecoder().decode(Anything.self, from: Data(data)))?.isNull == false
    }
}

/// A context attribute as a header's value (HTTP binding 1.0.2, section 3.1.3.2).
enum HeaderText {
    /// Without the double quotes that older senders put around it, after one round of percent-decoding; nil: a `%` is not
    /// followed by two hexadecimal digits, a quote is not closed, or the result is not UTF-8.
    static func decoded(_ value: String) -> String? {
        guard let unquoted = unquoted(Array(value.utf8)), let bytes = percentDecoded(unquoted) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// RFC 9110, section 5.6.4.
    private static func unquoted(_ value: [UInt8]) -> [UInt8]? {
        guard value.first == UInt8(ascii: "\"") else { return value }
        var bytes: [UInt8] = []
        var index = 1
        while index < value.count {
            switch value[index] {
            case UInt8(ascii: "\""): return index == value.count - 1 ? bytes : nil
            case UInt8(ascii: "\\"):
                index += 1
                guard index < value.count else { return nil }
                bytes.append(value[index])
            default: bytes.append(value[index])
            }
            index += 1
        }
        return nil
    }

    /// RFC 3986, section 2.1; nil: a `%` is not followed by two hexadecimal digits.
    static func percentDecoded(_ text: some Collection<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
