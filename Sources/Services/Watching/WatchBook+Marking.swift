internal import Engine
internal import HotTable
internal import Inventory

/// What may have changed, and why: stock, terms, age.
extension WatchBook {
    /// How often every stream is looked at: for what moves without a commit, and for signs of life.
    static let roundNanoseconds: Int64 = .perSecond
    /// A stream that was silent so long is sent an empty message: every 30 s at least.
    static let silenceNanoseconds: Int64 = 25 * .perSecond
    /// Stale lines are looked at again when a source moved on, and not sooner than this.
    private static let staleLookNanoseconds: Int64 = 200 * .perMillisecond
    /// So that looking at many stale lines leaves most of the time for changes.
    private static let staleLookNanosecondsPerLine: Int64 = 10_000

    /// Begins a turn: all that has happened up to now is marked. The stock's turn has begun after the news were taken.
    func mark(_ news: ChangeInbox.News) {
        turnSequence = stock.committedSequence
        markTerms()
        if news.isEverything {
            for case let stream? in streams {
                stream.markAll()
                stream.owesReview = stream.hearsOfAll
                enqueue(stream)
            }
        }
        for changes in news.changes { mark(changes) }
        markedSequence = max(markedSequence, news.sequence)
        markRecovered()
        let now = clocks.monotonic()
        let second = UInt32(clamping: clocks.wall() / .perSecond)
        if now >= nextRoundNanoseconds || second >= nextDueSecond { makeRound(now, second: second) }
    }

    private func mark(_ changes: [HotTable.Change]) {
        for change in changes {
            guard let sku = skus.number(of: change.sku) ?? (aboutAll.isEmpty ? nil : intern(change.sku)) else {
                continue
            }
            var reference = skus[head: sku]
            while reference != .none, let stream = streams[reference.slot] {
                mark(stream, line: reference.index)
                reference = stream.named[reference.index].next
            }
            for stream in aboutAll where !stream.watch.isOver {
                for line in stream.openLines(of: sku) { mark(stream, line: line) }
            }
        }
    }

    private func mark(_ stream: WatchStream, line: Int) {
        if stream.mark(line) { enqueue(stream) } else { counts.countConflated() }
    }

    /// A policy, the catalogue or a channel's degradation changed: every line may have.
    private func markTerms() {
        let state = stock.state
        if state.directory !== seenDirectory || state.figures != seenFigures {
            seenDirectory = state.directory
            seenFigures = state.figures
            catalogueDigest = state.catalogueDigest
        }
        for channel in channels.values {
            guard let entry = state.channel(named: channel.id),
                channel.refresh(entry, catalogueDigest: catalogueDigest)
            else { continue }
            for case let stream? in streams where stream.channel === channel {
                stream.markAll()
                // What its token had left out as unchanged would now be told by other terms.
                if case .resumption? = stream.walk?.purpose {
                    stream.walk = WatchStream.Walk(.snapshot, startSequence: turnSequence)
                }
                enqueue(stream)
            }
        }
    }

    /// A source moved on: what was stale may be fresh again.
    private func markRecovered() {
        if stock.state.watermarks !== seenWatermarks {
            seenWatermarks = stock.state.watermarks
            owesStaleLook = true
        }
        let now = clocks.monotonic()
        guard owesStaleLook, now >= nextStaleLookNanoseconds else { return }
        owesStaleLook = false
        var staleCount = 0
        for case let stream? in streams where stream.staleCount > 0 {
            staleCount += stream.staleCount
            stream.markStale()
            enqueue(stream)
        }
        nextStaleLookNanoseconds =
            now + Self.staleLookNanoseconds + Int64(staleCount) * Self.staleLookNanosecondsPerLine
    }

    /// Looks at every stream: whose lines became too old, who was silent for long.
    private func makeRound(_ now: Int64, second: UInt32) {
        nextRoundNanoseconds = now + Self.roundNanoseconds
        nextDueSecond = .max
        for case let stream? in streams {
            stream.markDue(nowSecond: second)
            nextDueSecond = min(nextDueSecond, stream.nextDueSecond)
            if now - stream.lastSentNanoseconds >= Self.silenceNanoseconds { stream.owesMessage = true }
            if stream.hasWork { enqueue(stream) }
        }
    }

    /// When the next turn is due without any news; nil: there is nobody.
    var deadlineNanoseconds: Int64? {
        guard !isEmpty else { return nil }
        var deadline = nextRoundNanoseconds
        let now = clocks.monotonic()
        if nextDueSecond != .max {
            deadline = min(deadline, now + max(0, Int64(nextDueSecond) * .perSecond - clocks.wall()))
        }
        if owesStaleLook { deadline = min(deadline, nextStaleLookNanoseconds) }
        return deadline
    }
}
