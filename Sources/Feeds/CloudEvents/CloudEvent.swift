internal import FoundationEssentials
internal import Inventory

/// Why something is no CloudEvent at all, in words for its sender.
struct NoCloudEvent: Error, Equatable {
    let message: String
    /// Whether it would be, with less in it.
    let isTooMuch: Bool

    init(_ message: String, isTooMuch: Bool = false) {
        self.message = message
        self.isTooMuch = isTooMuch
    }
}

/// One CloudEvent: its context attributes as texts, and its data (CloudEvents 1.0.2).
struct CloudEvent {
    /// Those that are looked at, without empty ones.
    var attributes: [String: String]
    /// The data, in JSON; nil: there is none.
    var data: Result<EventData, EventRejection>

    /// The attributes that are looked at; others are none of ours.
    static let attributeNames = [
        "specversion", "id", "source", "type", "time", "subject", "datacontenttype", "sequence", "correlationid",
    ]

    subscript(_ name: String) -> String { attributes[name] ?? "" }

    /// What makes it no CloudEvent; nil: nothing.
    var problem: NoCloudEvent? {
        guard self["specversion"] == "1.0" else {
            return NoCloudEvent("specversion: must be 1.0, is \"\(self["specversion"].prefix(16))\"")
        }
        let missing = ["id", "source", "type"].first { self[$0].isEmpty }
        return missing.map { NoCloudEvent("\($0): is required") }
    }

    /// Whether a content type is JSON (RFC 6839, section 3.1); absent counts as JSON.
    static func isJSON(_ contentType: String) -> Bool {
        let type = contentType.prefix { $0 != ";" }.trimmed.lowercased()
        return type.isEmpty || type == "application/json" || type == "text/json" || type.hasSuffix("+json")
    }

    /// Reads the data, which must be one JSON object.
    static func data(_ bytes: [UInt8], contentType: String) -> Result<EventData, EventRejection> {
        guard isJSON(contentType) else {
            return .failure(EventRejection(.invalidField, "datacontenttype: \(contentType.prefix(64)) is not JSON"))
        }
        if bytes.isEmpty { return .success(EventData()) }
        do {
            try JSONShape.check(bytes)
            return try JSONDecoder().decode(DecodedData.self, from: Data(bytes)).data
        } catch {
            return .failure(EventRejection(.invalidField, "data: is no JSON object"))
        }
    }
}

extension CloudEvent {
    /// Reads one in the JSON format (CloudEvents JSON format 1.0.2).
    init(json bytes: [UInt8]) throws(NoCloudEvent) {
        do {
            try JSONShape.check(bytes)
            self = try JSONDecoder().decode(DecodedCloudEvent.self, from: Data(bytes)).event
        } catch let problem as NoCloudEvent {
            throw problem
        } catch let problem as JSONShape.Problem where problem == .tooDeep {
            throw NoCloudEvent("values lie more than \(JSONShape.depthMax) deep")
        } catch {
            throw NoCloudEvent("is no JSON object")
        }
    }
}

/// The JSON format's object, as the decoder hands it out.
private struct DecodedCloudEvent: Decodable {
    var event: CloudEvent

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: FieldName.self)
        var attributes: [String: String] = [:]
        for name in CloudEvent.attributeNames where container.contains(FieldName(name)) {
            attributes[name] = try Self.text(container, name)
        }
        event = CloudEvent(attributes: attributes, data: .success(EventData()))
        let (data, base64) = (FieldName("data"), FieldName("data_base64"))
        let hasData = container.contains(data)
        if hasData && container.contains(base64) { throw NoCloudEvent("data: is given twice, as data_base64 too") }
        if hasData, try !container.decodeNil(forKey: data) {
            guard CloudEvent.isJSON(event["datacontenttype"]) else {
                event.data = CloudEvent.data([0], contentType: event["datacontenttype"])
                return
            }
            event.data = DecodedData.read(try container.superDecoder(forKey: data))
        } else if container.contains(base64) {
            guard let text = try? container.decode(String.self, forKey: base64),
                let bytes = Data(base64Encoded: text)
            else { throw NoCloudEvent("data_base64: is not base64") }
            event.data = CloudEvent.data([UInt8](bytes), contentType: event["datacontenttype"])
        }
    }

    /// Attributes are strings; a whole number or a truth value is one written otherwise. Null counts as absent.
    private static func text(
        _ container: KeyedDecodingContainer<FieldName>, _ name: String
    ) throws -> String? {
        let key = FieldName(name)
        if try container.decodeNil(forKey: key) { return nil }
        if let text = try? container.decode(String.self, forKey: key) { return text }
        if name == "sequence", let number = try? container.decode(UInt64.self, forKey: key) { return String(number) }
        throw NoCloudEvent("\(name): is no string")
    }
}

/// The data's object.
private struct DecodedData: Decodable {
    var data: Result<EventData, EventRejection>

    init(from decoder: any Decoder) throws {
        data = Self.read(decoder)
    }

    static func read(_ decoder: any Decoder) -> Result<EventData, EventRejection> {
        do throws(EventRejection) {
            var fields = try ObjectReader(decoder, path: "data.")
            let data = try EventData(&fields)
            try fields.checkAllRead()
            return .success(data)
        } catch {
            return .failure(error)
        }
    }
}

extension StringProtocol {
    /// Without blanks and tabs at either end.
    var trimmed: String {
        var rest = Substring(self)
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return String(rest)
    }
}
