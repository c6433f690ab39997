internal import Calls
internal import Engine
internal import Inventory

/// One watch as its shard sees it: what it was told, and what may have changed since. Thread: the shard's own.
///
/// A line costs 28 bytes and one bit where it is named, 12 bytes and one bit where all skus are watched. Nothing is queued for a
/// slow reader: a line that changed is a bit, and is told as it then is.
///
/// Named lines come first, in their order. Those of the skus follow by the skus' numbers, for each as many as there are places of
/// which all skus are watched.
final class WatchStream {
    /// A line by name, chained to the other lines of its sku.
    struct NamedLine {
        let sku: UInt32
        let place: UInt16
        var next = LineReference.none
        var previous = LineReference.none
    }

    /// A pass over all lines from the first to the last.
    struct Walk {
        enum Purpose: Equatable {
            /// Every line is told.
            case snapshot
            /// Lines whose positions changed after the sequence are told, and stale ones.
            case resumption(after: UInt64)
            /// Lines that are news are told: more changed than anybody kept.
            case review
        }

        let purpose: Purpose
        /// Whatever is looked at is not older than this.
        let startSequence: UInt64
        /// The next named line.
        var nextLine = 0
        /// Of all skus the last that was looked at; only after the named lines.
        var lastSku: [UInt8]?

        init(_ purpose: Purpose, startSequence: UInt64) {
            self.purpose = purpose
            self.startSequence = startSequence
        }
    }

    let watch: AvailabilityWatch
    let slot: Int
    let channel: WatchedChannel
    var named: [NamedLine] = []
    let namedCount: Int
    private let openPlaces: [UInt16]
    private(set) var told: [ToldLine] = []
    private var dueSeconds: [UInt32] = []
    private(set) var dirty = DirtyLines()
    /// Nil: only changes are told.
    var walk: Walk?
    var hasBegun = false
    /// New skus may have been missed: another walk follows. Only where all skus are watched.
    var owesReview = false
    /// What the places asked for mean now, and by which terms.
    private(set) var places: [AskedLine] = []
    private var placesVersion = 0
    /// No line's answer changes by time alone before.
    private(set) var nextDueSecond = UInt32.max
    private(set) var staleCount = 0
    /// Everything up to here was told, by these terms.
    var toldSequence: UInt64 = 0
    var toldTermsDigest: UInt64 = 0
    /// Where the last walk that ended had begun.
    var walkedSequence: UInt64 = 0
    /// The greatest that a message carried.
    var sentSequence: UInt64 = 0
    /// In line for being served.
    var isQueued = false
    /// A message is due, if only to say that the stream lives.
    var owesMessage = false
    /// By the monotonic clock.
    var lastSentNanoseconds: Int64 = 0

    init(_ watch: AvailabilityWatch, slot: Int, channel: WatchedChannel) {
        self.watch = watch
        self.slot = slot
        self.channel = channel
        namedCount = watch.question.lineCount
        openPlaces = watch.question.openPlaces
    }

    var hearsOfAll: Bool { !openPlaces.isEmpty }
    var question: WatchQuestion { watch.question }
    var lineCount: Int { told.count }
    /// Whether there is anything to do for it once it can be written to.
    var hasWork: Bool { !hasBegun || walk != nil || owesReview || !dirty.isEmpty || owesMessage }
    /// Whether all that may have changed was looked at.
    var isWhole: Bool { walk == nil && !owesReview && dirty.isEmpty }

    // MARK: Lines

    func lineCount(skuCount: Int) -> Int { namedCount + skuCount * openPlaces.count }

    /// Whether no name was given: what the channel may sell nowhere there is not told.
    func isOpen(_ line: Int) -> Bool { line >= namedCount }

    /// The lines of a sku at the places of which all skus are watched.
    func openLines(of sku: Int) -> Range<Int> {
        let first = namedCount + sku * openPlaces.count
        return first..<first + openPlaces.count
    }

    /// The number of the sku that a line is about.
    func sku(of line: Int) -> Int {
        isOpen(line) ? (line - namedCount) / openPlaces.count : Int(named[line].sku)
    }

    /// The index of a line's place in the question.
    func place(of line: Int) -> Int {
        Int(isOpen(line) ? openPlaces[(line - namedCount) % openPlaces.count] : named[line].place)
    }

    /// How many skus a message has room for.
    func skuCount(linesMax: Int) -> Int { linesMax / openPlaces.count }

    /// New lines were never told and are clean.
    func grow(to lineCount: Int) {
        let missing = lineCount - told.count
        guard missing > 0 else { return }
        told.append(contentsOf: repeatElement(.never, count: missing))
        dueSeconds.append(contentsOf: repeatElement(.max, count: missing))
        dirty.grow(to: lineCount)
    }

    /// Whether a line of that sku, which it does not name, was told or is to be looked at.
    func knows(_ sku: Int) -> Bool {
        openLines(of: sku).contains { line in line < told.count && (told[line].isTold || dirty.contains(line)) }
    }

    /// A line may have changed. False when that was known.
    func mark(_ line: Int) -> Bool { dirty.insert(line) }

    func markAll(where isWanted: (Int) -> Bool = { _ in true }) {
        for line in told.indices where isWanted(line) { _ = dirty.insert(line) }
    }

    /// The line is told as it is at the next occasion.
    func forget(_ line: Int) {
        setTold(line, .forgotten)
        _ = dirty.insert(line)
    }

    func markStale() {
        guard staleCount > 0 else { return }
        markAll { told[$0].isStale }
    }

    /// Marks what time may have changed.
    func markDue(nowSecond: UInt32) {
        guard nextDueSecond <= nowSecond else { return }
        nextDueSecond = .max
        for line in dueSeconds.indices {
            if dueSeconds[line] <= nowSecond {
                dueSeconds[line] = .max
                _ = dirty.insert(line)
            } else {
                nextDueSecond = min(nextDueSecond, dueSeconds[line])
            }
        }
    }

    func take(most: Int, _ body: (Int) -> Void) { dirty.take(most: most, body) }

    /// The line is about to be looked at.
    func clean(_ line: Int) { dirty.remove(line) }

    func setDue(_ line: Int, second: UInt32) {
        dueSeconds[line] = second
        nextDueSecond = min(nextDueSecond, second)
    }

    func setTold(_ line: Int, _ next: ToldLine) {
        staleCount += (next.isStale ? 1 : 0) - (told[line].isStale ? 1 : 0)
        told[line] = next
    }

    /// Finds out what the places asked for mean by the channel's present terms.
    func resolvePlaces() throws(CallStatus) {
        guard placesVersion != channel.version else { return }
        let directory = channel.entry.compiled.directory
        var resolved: [AskedLine] = []
        for place in question.places {
            guard let scope = directory.scope(named: place.location) else {
                throw .invalidField("lines", "no location or location group is called \(place.location) any more")
            }
            resolved.append(AskedLine(scope: scope, quantity: place.quantity))
        }
        places = resolved
        placesVersion = channel.version
    }

    /// Where it stands. While a walk or changes are outstanding that is where it last was whole.
    func token(epoch: UInt64) -> WatchToken {
        WatchToken(
            epoch: epoch, sequence: toldSequence, termsDigest: toldTermsDigest, linesDigest: question.digest,
            toldStale: staleCount > 0)
    }
}
