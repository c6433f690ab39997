internal import Crypto
internal import Foundation
internal import Inventory

/// A figure as it is sent: a CloudEvent (version 1.0.2) in its JSON format.
public struct PublishedEvent: Sendable, Equatable {
    public static let mediaType = "application/cloudevents+json"

    /// Of this figure of this line of this publication, whenever and however often it is sent. Without a full stop.
    public let id: String
    public let line: PublicationLine
    public let body: [UInt8]

    /// - Parameter typePrefix: such as `com.example`; empty: none.
    init(_ figure: ToldFigure, publication: String, channel: String, typePrefix: String) {
        line = figure.line
        let name = [publication, line.sku, line.location, String(figure.timeNanoseconds)].joined(separator: "\u{0}")
        let digest = SHA256.hash(data: Array(name.utf8)).prefix(8).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
        id = "\(figure.epoch)-\(figure.sequence)-\(digest.joined())"
        let subject =
            "skus/" + SubjectToken.escaped(line.sku, isAllowed: SubjectToken.isUnreserved)
            + (line.location.isEmpty
                ? "" : "/locations/" + SubjectToken.escaped(line.location, isAllowed: SubjectToken.isUnreserved))
        let attributes = [
            ("specversion", "1.0"), ("id", id),
            ("source", "/channels/" + SubjectToken.escaped(channel, isAllowed: SubjectToken.isUnreserved)),
            ("type", (typePrefix.isEmpty ? "" : typePrefix + ".") + "availability.changed.v1"), ("subject", subject),
            ("time", Timestamp.text(figure.timeNanoseconds)), ("datacontenttype", "application/json"),
        ]
        let text = attributes.map { "\(Self.quoted($0)):\(Self.quoted($1))" }.joined(separator: ",")
        body = Array("{\(text),\"data\":\(figure.data())}".utf8)
    }

    /// A JSON string (RFC 8259, section 7). Names have no control characters; they would be escaped all the same.
    public static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 32:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// The line that a body is about; nil: it is none of ours.
    public static func line(of body: [UInt8]) -> PublicationLine? {
        struct Event: Decodable {
            struct Figures: Decodable { let lines: [Line] }
            struct Line: Decodable {
                let sku: String
                let location: String?
            }
            let data: Figures
        }
        guard let line = (try? JSONDecoder().decode(Event.self, from: Data(body)))?.data.lines.first else { return nil }
        return PublicationLine(sku: line.sku, location: line.location ?? "")
    }
}

/// Names within subjects, whatever characters they have.
enum SubjectToken {
    /// Percent-encodes every other byte (RFC 3986, section 2.1). Different texts stay different: `%` is never allowed.
    static func escaped(_ text: String, isAllowed: (UInt8) -> Bool) -> String {
        var escaped = ""
        for byte in text.utf8 {
            if isAllowed(byte) {
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                escaped += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return escaped
    }

    /// RFC 3986, section 2.3.
    static func isUnreserved(_ byte: UInt8) -> Bool { isPlain(byte) || byte == 0x2E || byte == 0x7E }

    /// What a token of a NATS subject may have: a dot ends it.
    static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
        default: false
        }
    }
}

/// The subject that a line is told to, such as `availability.{channel}.{sku}`.
public struct SubjectPattern: Sendable, Equatable {
    private static let bytesMax = 256
    public let text: String

    /// Throws what is wrong with it.
    public init(_ text: String) throws(FeedFailure) {
        self.text = text
        guard text.contains("{sku}") else { throw FeedFailure("must have {sku}, or all skus would be one subject") }
        let plain = Self.names.reduce(text) { $0.replacing($1, with: "x") }
        let tokens = plain.split(separator: ".", omittingEmptySubsequences: false)
        let isSubject = tokens.allSatisfy { token in
            !token.isEmpty
                && token.unicodeScalars.allSatisfy {
                    $0.value > 32 && $0.value != 127 && !"*>{}".unicodeScalars.contains($0)
                }
        }
        guard isSubject, text.utf8.count <= Self.bytesMax, !plain.hasPrefix("$") else {
            throw FeedFailure(
                "must be 1 to \(Self.bytesMax) bytes, tokens with dots between them without blanks, * and >, of "
                    + Self.names.joined(separator: ", ") + " and what stays the same")
        }
    }

    private static let names = ["{channel}", "{sku}", "{location}"]

    public var namesLocations: Bool { text.contains("{location}") }

    /// Bytes outside A-Z, a-z, 0-9, - and _ of names are percent-encoded.
    public func subject(channel: String, line: PublicationLine) -> String {
        func token(_ name: String) -> String { SubjectToken.escaped(name, isAllowed: SubjectToken.isPlain) }
        // The names' own braces are escaped, so that one name never stands for another.
        return text.replacing("{channel}", with: token(channel)).replacing("{sku}", with: token(line.sku))
            .replacing("{location}", with: token(line.location))
    }
}
