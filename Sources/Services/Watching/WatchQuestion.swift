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
    /// Those that name a sku. Only until a shard has taken them over.
    private(set) var lines: [Line]
    let lineCount: Int
    /// Where every sku is watched that the channel may sell there: indices in `places`.
    let openPlaces: [UInt16]
    let places: [Place]
    /// Nil: the caller did not say.
    let maxStalenessNanoseconds: Int64?
    let bands: WatchBands
    /// Of all of the above.
    let digest: UInt64
    /// Where to go on from; nil: begin with a snapshot.
    let token: WatchToken?

    var hearsOfAll: Bool { !openPlaces.isEmpty }

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
        var subjects = Subjects()
        for (index, line) in request.lines.enumerated() {
            let quantity = try Self.quantity(of: line, index, question)
            subjects.add(sku: line.sku, Place(location: line.location, quantity: quantity))
        }
        guard subjects.openPlaces.count <= Limits.watchPlacesMax else {
            throw .invalidField(
                "lines", "at most \(Limits.watchPlacesMax) without a sku, are \(subjects.openPlaces.count)")
        }
        subjects.close()
        lines = subjects.lines
        lineCount = lines.count
        openPlaces = subjects.openPlaces
        places = subjects.places
        digest = subjects.digest(channel, maxStalenessNanoseconds, bands)
        try question.admit(monotonicNanoseconds: monotonicNanoseconds)
        question.leave()
    }

    /// What a publication of ours asks for: checked with the configuration, and outside the channel's throttle.
    ///
    /// - Parameter lines: without a sku: every sku there.
    init(
        channel: String, lines: [(sku: String, location: String)], bands: WatchBands, token: WatchToken?
    ) {
        self.channel = channel
        self.bands = bands
        self.token = token
        maxStalenessNanoseconds = nil
        var subjects = Subjects()
        for line in lines { subjects.add(sku: line.sku, Place(location: line.location, quantity: 1)) }
        subjects.close()
        self.lines = subjects.lines
        lineCount = subjects.lines.count
        openPlaces = subjects.openPlaces
        places = subjects.places
        digest = subjects.digest(channel, nil, bands)
    }

    private static func quantity(
        of line: Availability_V1_CheckAvailabilityLine, _ index: Int, _ question: CheckQuestion
    ) throws(CallStatus) -> Int64 {
        let sku = Array(line.sku.utf8)
        let location = Array(line.location.utf8)
        let quantity = line.hasQuantity ? line.quantity : nil
        guard !sku.isEmpty || !location.isEmpty else {
            throw .invalidField(
                "lines[\(index)].sku", "is required without a location; a watch without any line is about every sku")
        }
        var scopes = LastScope()
        return try unsafe sku.withBytes { sku throws(CallStatus) in
            try unsafe location.withBytes { location throws(CallStatus) in
                try unsafe sku.isEmpty
                    ? question.place(location: location, quantity: quantity, index, scopes: &scopes)
                    : question.line(sku: sku, location: location, quantity: quantity, index, scopes: &scopes)
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
}

/// What a question is about, gathered from its lines.
private struct Subjects {
    private(set) var lines: [WatchQuestion.Line] = []
    private(set) var openPlaces: [UInt16] = []
    private(set) var places: [WatchQuestion.Place] = []
    private var numbers: [WatchQuestion.Place: UInt16] = [:]

    mutating func add(sku: String, _ place: WatchQuestion.Place) {
        let number = numbers[place] ?? UInt16(places.count)
        if numbers.updateValue(number, forKey: place) == nil { places.append(place) }
        if sku.isEmpty {
            openPlaces.append(number)
        } else {
            lines.append(WatchQuestion.Line(sku: sku, place: number))
        }
    }

    /// Whoever names nothing asks for everything.
    mutating func close() {
        if places.isEmpty { add(sku: "", WatchQuestion.Place(location: "", quantity: 1)) }
    }

    func digest(_ channel: String, _ maxStalenessNanoseconds: Int64?, _ bands: WatchBands) -> UInt64 {
        var digest = TokenDigest()
        digest.add(channel)
        digest.add(UInt64(bitPattern: maxStalenessNanoseconds ?? -1))
        digest.add(UInt64(bands.bounds.count))
        for bound in bands.bounds { digest.add(UInt64(bound)) }
        func add(_ sku: String, _ place: WatchQuestion.Place) {
            digest.add(sku)
            digest.add(place.location)
            digest.add(UInt64(place.quantity))
        }
        for line in lines { add(line.sku, places[Int(line.place)]) }
        // Everything everywhere is what is left when nothing was named.
        for place in openPlaces.map({ places[Int($0)] }) where !place.location.isEmpty { add("", place) }
        return digest.value
    }
}
