internal import Calls
internal import Engine
internal import Inventory
internal import Ledger

/// What is told, in messages of at most `WatchEvaluator.batchMax` lines, to those who can take one.
extension WatchBook {
    /// Serves the streams in line until none is left or `untilNanoseconds` of the monotonic clock has passed. Within a turn.
    func serve(untilNanoseconds: Int64) {
        while let stream = dequeue() {
            if stream.watch.isOver {
                remove(stream)
                continue
            }
            // A slow reader keeps its marks, and is served when it has caught up.
            guard stream.hasWork, stream.watch.sink.isWritable else { continue }
            do throws(CallStatus) {
                try step(stream)
                if stream.hasWork { enqueue(stream) }
            } catch {
                fail(stream, error)
            }
            if clocks.monotonic() >= untilNanoseconds { return }
        }
    }

    /// One message of a stream, or none when nothing is news.
    private func step(_ stream: WatchStream) throws(CallStatus) {
        if !stream.hasBegun { begin(stream) }
        try stream.resolvePlaces()
        if stream.walk == nil, stream.owesReview {
            stream.owesReview = false
            stream.walk = WatchStream.Walk(.review, startSequence: turnSequence)
        }
        if let walk = stream.walk {
            try advance(stream, walk)
        } else if !stream.dirty.isEmpty {
            try tellChanges(stream)
        } else if stream.owesMessage {
            noteWhole(stream)
            beginMessage()
            send(stream, .changes, sequence: stream.toldSequence)
        }
    }

    /// Decides where a new stream begins: where its token says, if that still means anything.
    private func begin(_ stream: WatchStream) {
        stream.hasBegun = true
        var purpose = WatchStream.Walk.Purpose.snapshot
        if let token = stream.question.token, token.epoch == epoch, token.linesDigest == stream.question.digest,
            token.termsDigest == stream.channel.termsDigest, token.sequence <= turnSequence, !token.toldStale
        {
            purpose = .resumption(after: token.sequence)
            stream.toldSequence = token.sequence
            stream.toldTermsDigest = token.termsDigest
            stream.owesMessage = true
        }
        stream.walk = WatchStream.Walk(purpose, startSequence: turnSequence)
    }

    // MARK: Walks

    /// One page of a pass over all lines.
    private func advance(_ stream: WatchStream, _ walk: WatchStream.Walk) throws(CallStatus) {
        var walk = walk
        let (lines, isLast) = try nextLines(of: stream, &walk)
        // There was no room to remember the skus that were found.
        if stream.watch.isOver { return enqueue(stream) }
        var isResumption = false
        if case .resumption = walk.purpose { isResumption = true }
        for line in lines { stream.clean(line) }
        let sequence = try answer(stream, lines, fromSnapshot: isResumption)
        stream.walk = isLast ? nil : walk
        if isLast { stream.walkedSequence = max(stream.walkedSequence, walk.startSequence) }
        beginMessage()
        var toldCount = 0
        for (place, line) in lines.enumerated() {
            let answer = evaluator.answers[place]
            if try isWanted(answer, stream, line, place, walk.purpose) {
                addLine(stream, line, place)
                toldCount += 1
            } else if isResumption, answer.hasLocation || !stream.isOpen(line) {
                stream.setTold(line, answer.line)
            }
        }
        noteWhole(stream)
        let isSnapshot = walk.purpose == .snapshot
        // A page of skus that are all sold elsewhere says nothing, except that the stream is alive.
        if toldCount > 0 || isSnapshot && isLast || stream.owesMessage && (isSnapshot || isLast) {
            send(stream, isSnapshot ? isLast ? .snapshotEnd : .snapshot : .changes, sequence: sequence)
        }
    }

    private func isWanted(
        _ answer: WatchEvaluator.Answer, _ stream: WatchStream, _ line: Int, _ place: Int,
        _ purpose: WatchStream.Walk.Purpose
    ) throws(CallStatus) -> Bool {
        let told = stream.told[line]
        // What the channel can sell nowhere is not among all that it may sell.
        if stream.isOpen(line), !answer.hasLocation, !told.isTold { return false }
        switch purpose {
        case .snapshot: return true
        case .review: return told.isNews(answer.line, bands: stream.question.bands)
        case .resumption(let sequence):
            if answer.line.isStale || told == .forgotten { return true }
            return try evaluator.newestSequence(place) > sequence
        }
    }

    /// A page's lines, and whether it is the last: first those by name, then skus in byte order, each at all the places.
    private func nextLines(
        of stream: WatchStream, _ walk: inout WatchStream.Walk
    ) throws(CallStatus) -> (lines: [Int], isLast: Bool) {
        if walk.nextLine < stream.namedCount {
            let lines = walk.nextLine..<min(walk.nextLine + WatchEvaluator.batchMax, stream.namedCount)
            walk.nextLine = lines.upperBound
            return (Array(lines), lines.upperBound == stream.namedCount && !stream.hearsOfAll)
        }
        try evaluator.openSnapshot()
        let most = stream.skuCount(linesMax: WatchEvaluator.batchMax)
        let page: [SkuRows]
        do throws(LedgerError) {
            page = try stock.skus(after: walk.lastSku, countMax: most)
        } catch {
            throw error.callStatus
        }
        walk.lastSku = page.last?.bytes ?? walk.lastSku
        let lines = page.flatMap { stream.openLines(of: intern(String(decoding: $0.bytes, as: UTF8.self))) }
        return (lines, page.count < most)
    }

    // MARK: Changes

    private func tellChanges(_ stream: WatchStream) throws(CallStatus) {
        var lines: [Int] = []
        stream.take(most: WatchEvaluator.batchMax) { line in
            if !stream.isOpen(line) || skus.isUsed(stream.sku(of: line)) { lines.append(line) }
        }
        let sequence = try answer(stream, lines, fromSnapshot: false)
        beginMessage()
        var toldCount = 0
        for (place, line) in lines.enumerated() {
            let answer = evaluator.answers[place]
            let told = stream.told[line]
            if stream.isOpen(line), !answer.hasLocation, !told.isTold { continue }
            guard told.isNews(answer.line, bands: stream.question.bands) else { continue }
            addLine(stream, line, place)
            toldCount += 1
        }
        noteWhole(stream)
        if toldCount > 0 || stream.owesMessage && stream.dirty.isEmpty {
            send(stream, .changes, sequence: sequence)
        }
    }

    /// Has the lines answered, and notes when time will change them. The ledger sequence they were read at.
    private func answer(_ stream: WatchStream, _ lines: [Int], fromSnapshot: Bool) throws(CallStatus) -> UInt64 {
        evaluator.begin()
        for line in lines {
            evaluator.add(skus.name(of: stream.sku(of: line)), stream.places[stream.place(of: line)])
        }
        let sequence = try evaluator.answer(
            stream.channel, maxStalenessNanoseconds: stream.question.maxStalenessNanoseconds,
            nowNanoseconds: clocks.wall(), fromSnapshot: fromSnapshot)
        for (place, line) in lines.enumerated() {
            let second = evaluator.answers[place].dueSecond
            stream.setDue(line, second: second)
            nextDueSecond = min(nextDueSecond, second)
        }
        return sequence
    }

    /// Once nothing is outstanding, everything was told up to what had been marked, or up to where the walk began.
    private func noteWhole(_ stream: WatchStream) {
        guard stream.isWhole else { return }
        stream.toldSequence = max(stream.toldSequence, stream.walkedSequence, markedSequence)
        stream.toldTermsDigest = stream.channel.termsDigest
    }

    // MARK: Messages

    private func beginMessage() {
        CheckAvailabilityCodec.Response.begin(&reply, lineCount: evaluator.count)
    }

    private func addLine(_ stream: WatchStream, _ line: Int, _ place: Int) {
        let answer = evaluator.answers[place]
        var location = stream.question.places[stream.place(of: line)].location
        location.withUTF8 { location in
            unsafe CheckAvailabilityCodec.Response.addLine(
                to: &reply, sku: evaluator.sku(place), location: UnsafeRawBufferPointer(location),
                available: answer.line.available, status: answer.line.status, freshness: answer.line.isStale ? 2 : 1,
                ageMilliseconds: answer.ageMilliseconds)
        }
        stream.setTold(line, answer.line)
    }

    private func send(_ stream: WatchStream, _ phase: WatchPhase, sequence: UInt64) {
        stream.sentSequence = max(stream.sentSequence, sequence)
        // A token of an unfinished snapshot would stand for nothing.
        let hasToken = phase != .snapshot
        CheckAvailabilityCodec.WatchResponse.finish(
            &reply, policyVersion: stream.channel.entry.compiled.policyVersion, sequence: stream.sentSequence,
            epoch: epoch, phase: phase, token: hasToken ? stream.token(epoch: epoch).text : "")
        // The buffer is lent to the copy only.
        stream.watch.send(
            unsafe Array(UnsafeRawBufferPointer(start: reply.base, count: reply.count)),
            termsDigest: stream.channel.termsDigest)
        stream.owesMessage = false
        stream.lastSentNanoseconds = clocks.monotonic()
        counts.countMessage()
    }
}

/// The contract's numbers.
enum WatchPhase: UInt64 {
    case snapshot = 1
    case snapshotEnd = 2
    case changes = 3
}

extension CheckAvailabilityCodec {
    /// WatchAvailabilityResponse: its first fields are those of CheckAvailabilityResponse.
    enum WatchResponse {
        private static let phaseTag: UInt8 = 5 << 3
        private static let tokenTag: UInt8 = 6 << 3 | 2

        /// Appends what holds for all lines. The token is shorter than 128 bytes.
        static func finish(
            _ reply: inout ReplyBuffer, policyVersion: UInt64, sequence: UInt64, epoch: UInt64, phase: WatchPhase,
            token: String
        ) {
            Response.finish(&reply, policyVersion: policyVersion, sequence: sequence, epoch: epoch)
            // A tag and a small number; a tag, a length and the token.
            var writer = unsafe WireWriter(reply.reserve(2 + 2 + token.utf8.count + 16))
            writer.writeVarintField(phaseTag, phase.rawValue)
            var token = token
            token.withUTF8 { unsafe writer.writeBytesField(tokenTag, UnsafeRawBufferPointer($0)) }
            reply.advance(by: writer.count)
        }
    }
}
