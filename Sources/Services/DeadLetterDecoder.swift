public import Engine
public import Ledger
internal import Proto
internal import SwiftProtobuf

/// Reads dead letters anew, with the mappings of today: a mended mapping mends the letter.
public struct DeadLetterDecoder: Sendable {
    /// The event in a letter's original bytes; nil: there is none to be read. Any thread.
    public typealias Reading = @Sendable (DeadLetter) -> IncomingEvent?

    private let readings: [ContentType: Reading]

    /// - Parameter readings: how the originals of feeds are read. Those of our own API need none, and what an ERP told is not
    ///   read again: its next reading tells it anew.
    public init(_ readings: [ContentType: Reading] = [:]) {
        self.readings = readings
    }

    func read(_ letter: DeadLetter) -> IncomingEvent? {
        guard let type = ContentType(rawValue: letter.contentType) else { return nil }
        if let reading = readings[type] { return reading(letter) }
        guard type == .protobuf else { return nil }
        return (try? Availability_V1_InventoryEvent(serializedBytes: letter.original)).map { IncomingEvent($0) }
    }
}

extension ContentType {
    /// As HTTP names it.
    var mediaType: String {
        switch self {
        case .protobuf, .feedProtobuf: "application/x-protobuf"
        case .cloudEvent, .publication: "application/cloudevents+json"
        case .shopify, .json: "application/json"
        case .x12: "application/edi-x12"
        case .csv: "text/csv"
        case .erpReading: "text/plain"
        }
    }
}
