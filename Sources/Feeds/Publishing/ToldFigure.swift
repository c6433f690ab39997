public import Inventory

/// A line of a channel that a publication tells of. Two are one only if their bytes are: Swift's strings would take other
/// spellings of a text for the same.
public struct PublicationLine: Sendable, Hashable {
    public let sku: String
    /// A location or group; empty: wherever the channel sells from.
    public let location: String

    public init(sku: String, location: String) {
        self.sku = sku
        self.location = location
    }

    public static func == (one: PublicationLine, other: PublicationLine) -> Bool {
        one.sku.utf8.elementsEqual(other.sku.utf8) && one.location.utf8.elementsEqual(other.location.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        for byte in sku.utf8 { hasher.combine(byte) }
        hasher.combine(UInt8(0))
        for byte in location.utf8 { hasher.combine(byte) }
    }
}

/// What a watch told of a line.
public struct ToldFigure: Sendable {
    public let line: PublicationLine
    /// The ledger sequence it was read at, and that sequence's epoch.
    public let sequence: UInt64
    public let epoch: UInt64
    /// When it was told, by the wall clock.
    public let timeNanoseconds: WallNanoseconds
    /// The figure in the contract's JSON; made when it is sent.
    public let data: @Sendable () -> String

    public init(
        line: PublicationLine, sequence: UInt64, epoch: UInt64, timeNanoseconds: WallNanoseconds,
        data: @escaping @Sendable () -> String
    ) {
        self.line = line
        self.sequence = sequence
        self.epoch = epoch
        self.timeNanoseconds = timeNanoseconds
        self.data = data
    }
}

/// Where a watch stands: everything before was told.
public struct FigureToken: Sendable, Equatable {
    /// Opaque; of at most 128 bytes.
    public var text: String
    public var sequence: UInt64
    /// Of the policy, the degradation and the locations that the figures were made by.
    public var termsDigest: UInt64
    /// Whether a figure was told as stale. One that begins with such a token begins with a snapshot.
    public var toldStale: Bool
    /// The same token as one that told something stale.
    public var cautiousText: String

    public init(text: String, sequence: UInt64, termsDigest: UInt64, toldStale: Bool, cautiousText: String) {
        self.text = text
        self.sequence = sequence
        self.termsDigest = termsDigest
        self.toldStale = toldStale
        self.cautiousText = cautiousText
    }

    /// To be stored before figures leave that this token would not find again: what is stale or was made by other terms may
    /// be otherwise after a restart without a position having changed.
    var cautious: FigureToken {
        var token = self
        token.text = cautiousText
        token.toldStale = true
        return token
    }
}

/// One message of a watch.
public struct ToldMessage: Sendable {
    public let figures: [ToldFigure]
    /// Nil: amid a snapshot.
    public let token: FigureToken?
    /// Of the terms that these figures were made by.
    public let termsDigest: UInt64
    public let hasStale: Bool

    public init(figures: [ToldFigure], token: FigureToken?, termsDigest: UInt64, hasStale: Bool) {
        self.figures = figures
        self.token = token
        self.termsDigest = termsDigest
        self.hasStale = hasStale
    }
}

/// Who is told by a watch. Called on the watch's thread; returns at once.
public protocol FigureReader: AnyObject, Sendable {
    func take(_ message: ToldMessage)
    /// False: the watch keeps what changes in mind, and tells the newest once `FigureWatch.wake` is called.
    var hasRoom: Bool { get }
    /// The watch is over without having been cancelled.
    func ended(_ failure: FeedFailure)
}

/// A watch under way. Any thread.
public protocol FigureWatch: Sendable {
    func wake()
    /// Has a line told as it stands, though nothing changed. One that is not watched is passed over.
    func tellAgain(_ line: PublicationLine)
    func cancel()
}

/// What a publication tells of.
public struct PublicationQuestion: Sendable, Equatable {
    public var channel: String
    /// A line without a sku stands for every sku that the channel may sell at its location. Empty: every sku wherever the
    /// channel sells from.
    public var lines: [PublicationLine]
    /// Rising; empty: every change is told.
    public var bands: [Int64]

    public init(channel: String, lines: [PublicationLine] = [], bands: [Int64] = []) {
        self.channel = channel
        self.lines = lines
        self.bands = bands
    }

    func isAbout(_ line: PublicationLine) -> Bool {
        if lines.isEmpty { return line.location.isEmpty }
        return lines.contains(line) || lines.contains(PublicationLine(sku: "", location: line.location))
    }
}

/// Where figures come from: the watches that callers have, too.
public protocol FigureSource: Sendable {
    /// - Parameter token: as stored; one that means nothing any more begins with a snapshot.
    func watch(
        _ question: PublicationQuestion, after token: String, _ reader: any FigureReader
    ) throws(FeedFailure) -> any FigureWatch

    /// Nil: it is no token.
    func token(_ text: String) -> FigureToken?
}
