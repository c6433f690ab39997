public import Engine
internal import Inventory

/// Files of X12 846 messages, as one partner writes them. A file is judged whole before its first row.
public struct Inventory846Format: FileFormat {
    private let source: String
    private let partner: PartnerMap
    private let mapping: FeedMapping

    public init(source: String, partner: PartnerMap, mapping: FeedMapping) {
        self.source = source
        self.partner = partner
        self.mapping = mapping
    }

    public func open(_ file: FeedFile) throws(FileProblem) -> any FileRows {
        guard file.bytes <= UInt64(Inventory846.fileBytesMax) else {
            throw .unusable(line: 1, reason: "a file of at most \(Inventory846.fileBytesMax) bytes, has \(file.bytes)")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(file.bytes))
        while true {
            let chunk = try file.readChunk()
            if chunk.isEmpty { break }
            bytes += chunk
        }
        do throws(X12Fault) {
            return try Inventory846(bytes, source: source, partner: partner, mapping: mapping)
        } catch {
            throw .unusable(line: error.place.line, reason: error.description)
        }
    }

    /// The event in a dead letter's bytes, by the maps of today; see `Inventory846.reread`.
    public func event(of original: [UInt8], id: String, reason: String) -> IncomingEvent? {
        // The server's own reasons name no line.
        let wasRefused = reason.hasPrefix("\(DeadLetterReason.invalidField.rawValue): line ")
        return Inventory846.reread(
            original, eventID: id, wasRefused: wasRefused, source: source, partner: partner, mapping: mapping)
    }
}
