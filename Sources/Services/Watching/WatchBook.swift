internal import Calls
internal import Engine
internal import Feeds
internal import Inventory

/// What one shard watches: its streams, which of their lines each sku concerns, and which streams wait for their turn.
/// Thread: the shard's own.
final class WatchBook {
    let stock: StockView
    let counts: WatchCounts
    let epoch: UInt64
    let clocks: WatchClocks
    let evaluator: WatchEvaluator
    var reply = ReplyBuffer(capacity: 1 << 16)

    /// By slot.
    private(set) var streams: [WatchStream?] = []
    private var freeSlots: [Int] = []
    private var slotOfWatch: [ObjectIdentifier: Int] = [:]
    /// The streams that hear of every sku.
    private(set) var aboutAll: [WatchStream] = []
    private(set) var channels: [String: WatchedChannel] = [:]
    var skus = WatchedSkus()
    /// In order of service; only streams that can be written to.
    private var queue: [WatchStream] = []
    private var queueStart = 0

    // What the marks of the last turns were made by.
    var seenDirectory: LocationDirectory?
    var seenFigures: TenantNumber?
    var catalogueDigest: UInt64 = 0
    var seenWatermarks: SourceWatermarks?
    var owesStaleLook = false
    var nextStaleLookNanoseconds: Int64 = 0
    var nextRoundNanoseconds: Int64 = 0
    var nextDueSecond = UInt32.max
    /// All changes up to here have been marked.
    var markedSequence: UInt64 = 0
    /// Every commit up to here can be seen by all reads of this turn.
    var turnSequence: UInt64 = 0

    private let onRemoved: (WatchQuestion) -> Void

    /// - Parameter onRemoved: called for each watch that was added, once it is gone.
    init(
        stock: StockView, counts: WatchCounts, epoch: UInt64, clocks: WatchClocks,
        onRemoved: @escaping (WatchQuestion) -> Void
    ) {
        self.onRemoved = onRemoved
        self.stock = stock
        self.counts = counts
        self.epoch = epoch
        self.clocks = clocks
        evaluator = WatchEvaluator(stock: stock, clock: clocks.ledger)
    }

    var isEmpty: Bool { slotOfWatch.isEmpty }
    var hasQueue: Bool { queueStart < queue.count }

    // MARK: Streams

    /// Takes a watch in; it is served from the next step on. Within a turn.
    func add(_ watch: AvailabilityWatch) {
        guard !watch.isOver, let entry = stock.state.channel(named: watch.question.channel) else {
            watch.fail(.channelNotFound(watch.question.channel))
            return release(watch)
        }
        let channel = channels[watch.question.channel] ?? WatchedChannel(entry, catalogueDigest: catalogueDigest)
        channels[channel.id] = channel
        channel.streamCount += 1
        let slot = freeSlots.popLast() ?? streams.count
        if slot == streams.count { streams.append(nil) }
        let stream = WatchStream(watch, slot: slot, channel: channel)
        streams[slot] = stream
        slotOfWatch[ObjectIdentifier(watch)] = slot
        stream.lastSentNanoseconds = clocks.monotonic()
        stream.grow(to: stream.namedCount)
        link(stream, watch.takeLines())
        if stream.hearsOfAll {
            aboutAll.append(stream)
            growAboutAll()
        }
        enqueue(stream)
    }

    /// A watch can be written to again, or is over.
    func wake(_ watch: AvailabilityWatch) {
        guard let slot = slotOfWatch[ObjectIdentifier(watch)], let stream = streams[slot] else { return }
        if watch.isOver { remove(stream) } else { enqueue(stream) }
    }

    /// Has a line told once more, whatever was told of it. Within a turn.
    func tellAgain(_ watch: AvailabilityWatch, _ line: PublicationLine) {
        guard let slot = slotOfWatch[ObjectIdentifier(watch)], let stream = streams[slot] else { return }
        func isThere(_ index: Int) -> Bool {
            stream.question.places[stream.place(of: index)].location.utf8.elementsEqual(line.location.utf8)
        }
        let number = stream.hearsOfAll ? intern(line.sku) : skus.number(of: line.sku)
        guard let number, !watch.isOver else { return }
        var reference = skus[head: number]
        while reference != .none, let owner = streams[reference.slot] {
            if owner === stream, isThere(reference.index) { stream.forget(reference.index) }
            reference = owner.named[reference.index].next
        }
        for index in stream.openLines(of: number) where isThere(index) { stream.forget(index) }
        enqueue(stream)
    }

    /// Forgets a stream and what was kept for it.
    func remove(_ stream: WatchStream) {
        guard streams[stream.slot] === stream else { return }
        streams[stream.slot] = nil
        freeSlots.append(stream.slot)
        slotOfWatch[ObjectIdentifier(stream.watch)] = nil
        stream.channel.streamCount -= 1
        if stream.channel.streamCount == 0 { channels[stream.channel.id] = nil }
        if stream.hearsOfAll { aboutAll.removeAll { $0 === stream } }
        unlink(stream)
        if stream.hearsOfAll {
            counts.releaseSkus(stream.lineCount - stream.namedCount)
            if aboutAll.isEmpty { for number in 0..<skus.numberEnd { skus.removeIfUnused(number) } }
        }
        release(stream.watch)
    }

    private func release(_ watch: AvailabilityWatch) {
        counts.release(lineCount: watch.question.lineCount)
        onRemoved(watch.question)
    }

    func fail(_ stream: WatchStream, _ status: CallStatus) {
        stream.watch.fail(status)
        remove(stream)
    }

    // MARK: Lines by sku

    private func link(_ stream: WatchStream, _ lines: [WatchQuestion.Line]) {
        stream.named.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated() {
            let sku = intern(line.sku)
            let reference = LineReference(slot: stream.slot, index: index)
            let head = skus[head: sku]
            var named = WatchStream.NamedLine(sku: UInt32(sku), place: line.place)
            named.next = head
            stream.named.append(named)
            if head != .none { streams[head.slot]?.named[head.index].previous = reference }
            skus[head: sku] = reference
        }
    }

    private func unlink(_ stream: WatchStream) {
        for index in stream.named.indices {
            let line = stream.named[index]
            // Its neighbours may be lines of its own.
            if line.previous == .none {
                skus[head: Int(line.sku)] = line.next
            } else {
                neighbour(line.previous, of: stream)?.named[line.previous.index].next = line.next
            }
            if line.next != .none {
                neighbour(line.next, of: stream)?.named[line.next.index].previous = line.previous
            }
            if line.previous == .none, line.next == .none, isForgettable(Int(line.sku)) {
                skus.removeIfUnused(Int(line.sku))
            }
        }
    }

    private func neighbour(_ reference: LineReference, of stream: WatchStream) -> WatchStream? {
        reference.slot == stream.slot ? stream : streams[reference.slot]
    }

    /// Who hears of all skus knows them by their numbers.
    private func isForgettable(_ sku: Int) -> Bool { aboutAll.allSatisfy { !$0.knows(sku) } }

    /// The sku's number, also a new one.
    func intern(_ sku: String) -> Int {
        let number = skus.intern(sku)
        growAboutAll()
        return number
    }

    /// Those who hear of all skus have a line for each number, at each of their places.
    private func growAboutAll() {
        for stream in aboutAll where !stream.watch.isOver {
            let lineCount = stream.lineCount(skuCount: skus.numberEnd)
            guard lineCount > stream.lineCount else { continue }
            guard counts.takeSkus(lineCount - stream.lineCount) else {
                stream.watch.fail(.watchLimit("skus remembered for watches of all skus", Limits.watchSkusMax))
                // Whoever serves it removes it.
                enqueue(stream)
                continue
            }
            stream.grow(to: lineCount)
        }
    }

    // MARK: The queue

    /// In line for service. One that nobody reads comes back when it is read.
    func enqueue(_ stream: WatchStream) {
        guard !stream.isQueued else { return }
        stream.isQueued = true
        queue.append(stream)
    }

    func dequeue() -> WatchStream? {
        while hasQueue {
            let stream = queue[queueStart]
            queueStart += 1
            if queueStart > 1_024, queueStart * 2 > queue.count {
                queue.removeFirst(queueStart)
                queueStart = 0
            }
            stream.isQueued = false
            if streams[stream.slot] === stream { return stream }
        }
        queue.removeAll(keepingCapacity: true)
        queueStart = 0
        return nil
    }
}

/// The clocks a shard goes by.
struct WatchClocks: Sendable {
    /// Ledger time, by which holds expire.
    let ledger: LedgerClock
    /// Nanoseconds since 1970.
    let wall: @Sendable () -> WallNanoseconds
    let monotonic: @Sendable () -> Int64
}
