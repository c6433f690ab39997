internal import Calls
internal import Engine
internal import Inventory
internal import Proto
internal import SwiftProtobuf

/// What a watcher asks for, checked. It outlives the turn that it came in: it holds texts, and no part of the state.
struct WatchQuestion: Sendable {
    /// Where and how many; most lines of a watch have the same.
    struct Place: Sendable, Hashable {
        /// As asked: a location, a group, or empty for all.
        let location: String
        let quantity: Int64
    }

    struct Line: Sendable {
        let sku: String
        /// Index in `places`.
        let place: UInt16
    }

    let channel: String
    /// None: every sku that the channel may sell. Only until a shard has taken them over.
    private(set) var lines: [Line]
    let lineCount: Int
    let places: [Place]
    /// Nil: the caller did not say.
    let maxStalenessNanoseconds: Int64?
    let bands: WatchBands
    /// Of all of the above.
    let digest: UInt64
    /// Where to go on from; nil: begin with a snapshot.
    let token: WatchToken?

    var isAboutAll: Bool { lineCount == 0 }

    /// Without the lines, which take more memory than all the rest.
    var withoutLines: WatchQuestion {
        var question = self
        question.lines = []
        return question
    }

    /// Checks and admits a request by the code that does so for CheckAvailability: a read unit for each line.
    init(
        _ request: Availability_V1_WatchAvailabilityRequest, _ reads: LoopReads, monotonicNanoseconds: Int64
    ) throws(CallStatus) {
        guard let bands = WatchBands(request.bands) else {
            throw .invalidField(
                "bands",
                "at most \(Limits.watchBandsMax), rising, each within 0 and \(Limits.quantityMax)")
        }
        self.bands = bands
        token = try Self.token(request.resumeToken)
        let channelID = Array(request.channel.utf8)
        let customer = Array(request.customer.utf8)
        let staleness = request.hasMaxStaleness ? request.maxStaleness : nil
        let question = try unsafe channelID.withBytes { channel throws(CallStatus) in
            try unsafe customer.withBytes { customer throws(CallStatus) in
                try unsafe CheckQuestion(
                    channelID: channel, customer: customer, staleness: .init(staleness),
                    lineCount: max(1, request.lines.count), lineCountMax: Limits.linesPerCheckMax,
                    state: reads.stock.lentState)
            }
        }
        channel = question.entry.channel.id
        maxStalenessNanoseconds = question.maxStalenessNanoseconds
        var places: [Place] = []
        var numbers: [Place: UInt16] = [:]
        var lines: [Line] = []
        lines.reserveCapacity(request.lines.count)
        for (index, line) in request.lines.enumerated() {
            let place = Place(location: line.location, quantity: try Self.quantity(of: line, index, question))
            let number = numbers[place] ?? UInt16(places.count)
            if numbers.updateValue(number, forKey: place) == nil { places.append(place) }
            lines.append(Line(sku: line.sku, place: number))
        }
        self.lines = lines
        lineCount = lines.count
        self.places = lines.isEmpty ? [Place(location: "", quantity: 1)] : places
        digest = Self.digest(channel, lines, self.places, maxStalenessNanoseconds, bands)
        try question.admit(monotonicNanoseconds: monotonicNanoseconds)
        question.leave()
    }

    /// What a publication of ours asks for: checked with the configuration, and outside the channel's throttle.
    init(
        channel: String, lines: [(sku: String, location: String)], bands: WatchBands, token: WatchToken?
    ) {
        self.channel = channel
        self.bands = bands
        self.token = token
        maxStalenessNanoseconds = nil
        var places: [Place] = []
        var numbers: [Place: UInt16] = [:]
        self.lines = lines.map { line in
            let place = Place(location: line.location, quantity: 1)
            let number = numbers[place] ?? UInt16(places.count)
            if numbers.updateValue(number, forKey: place) == nil { places.append(place) }
            return Line(sku: line.sku, place: number)
        }
        lineCount = lines.count
        self.places = lines.isEmpty ? [Place(location: "", quantity: 1)] : places
        digest = Self.digest(channel, self.lines, self.places, nil, bands)
    }

    private static func quantity(
        of line: Availability_V1_CheckAvailabilityLine, _ index: Int, _ question: CheckQuestion
    ) throws(CallStatus) -> Int64 {
        let sku = Array(line.sku.utf8)
        let location = Array(line.location.utf8)
        var scopes = LastScope()
        return try unsafe sku.withBytes { sku throws(CallStatus) in
            try unsafe location.withBytes { location throws(CallStatus) in
                try unsafe question.line(
                    sku: sku, location: location, quantity: line.hasQuantity ? line.quantity : nil, index,
                    scopes: &scopes)
            }
        }.quantity
    }

    private static func token(_ text: String) throws(CallStatus) -> WatchToken? {
        if text.isEmpty { return nil }
        guard let token = WatchToken(text) else {
            throw .invalidField("resume_token", "is not a token of WatchAvailability, or a part of one")
        }
        return token
    }

    private static func digest(
        _ channel: String, _ lines: [Line], _ places: [Place], _ maxStalenessNanoseconds: Int64?, _ bands: WatchBands
    ) -> UInt64 {
        var digest = TokenDigest()
        digest.add(channel)
        digest.add(UInt64(bitPattern: maxStalenessNanoseconds ?? -1))
        digest.add(UInt64(bands.bounds.count))
        for bound in bands.bounds { digest.add(UInt64(bound)) }
        for line in lines {
            let place = places[Int(line.place)]
            digest.add(line.sku)
            digest.add(place.location)
            digest.add(UInt64(place.quantity))
        }
        return digest.value
    }
}
