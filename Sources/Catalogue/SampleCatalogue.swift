public import Engine
public import Inventory

/// Made-up stock to try the server with: the same on every machine and for ever. Each sku lies at WH1 and at two more
/// of WH2 … WH6 on average; some positions are empty, some hold damaged, quarantined or allocated units.
public enum SampleCatalogue {
    /// The locations of the positions, `WH1` first.
    public static let locations = ["WH1", "WH2", "WH3", "WH4", "WH5", "WH6"]
    /// The source of the events.
    public static let source = "embedded"
    /// How many skus there are by default.
    public static let skuCount = 50_000

    /// The first sku loaded, and the last: a store that knows the one and not the other was interrupted.
    public static var ends: (first: String, last: String) {
        (SamplePosition.skuName(1), SamplePosition.skuName(skuCount))
    }

    /// The stock as POSITION_SNAPSHOT events in order of sku and location, made one by one as they are asked for.
    /// `skus`: 1 to 9,999,999.
    public static func events(skus: Int = skuCount, occurredAtNanoseconds: WallNanoseconds) -> SampleEvents {
        precondition((1...9_999_999).contains(skus), "1 to 9,999,999 skus")
        return SampleEvents(skuCount: skus, occurredAtNanoseconds: occurredAtNanoseconds)
    }

    /// Hands all of it over. `progress` is called on this thread after each batch. Blocks; not for event loops.
    public static func load(
        skus: Int = skuCount, occurredAtNanoseconds: WallNanoseconds, batches: BatchLimits = BatchLimits(),
        progress: (CatalogueProgress) -> Void = { _ in }, into submit: @escaping EventSubmission
    ) throws(PositionFileError) -> OutcomeCounts {
        precondition(
            (1...Limits.eventsPerBatchMax).contains(batches.eventsPerCommand), "too many events a command, or none")
        let lanes = SubmissionLanes(count: batches.commandsInFlight, submit: submit)
        let pace = Pace()
        var counts = OutcomeCounts()
        do throws(PositionFileError) {
            var batch = EventBatch()
            for event in events(skus: skus, occurredAtNanoseconds: occurredAtNanoseconds) {
                counts.rows += 1
                batch.events.append(event)
                batch.lines.append(Int(counts.rows))
                if batch.events.count < batches.eventsPerCommand { continue }
                counts.count(try lanes.put(batch))
                batch = EventBatch()
                progress(CatalogueProgress(rows: counts.rows, rowsPerSecond: pace.rowsPerSecond(counts.rows)))
            }
            if !batch.events.isEmpty { counts.count(try lanes.put(batch)) }
        } catch {
            _ = lanes.finish()
            throw error
        }
        let rest = lanes.finish()
        counts.count(rest.answered)
        if let failure = rest.failure { throw .submission(failure) }
        progress(CatalogueProgress(rows: counts.rows, rowsPerSecond: pace.rowsPerSecond(counts.rows)))
        return counts
    }
}

extension OutcomeCounts {
    fileprivate mutating func count(_ answered: [AnsweredBatch]) {
        for batch in answered {
            for result in batch.results { _ = count(result) }
        }
    }
}

/// See `SampleCatalogue.events`.
public struct SampleEvents: Sequence, Sendable {
    let skuCount: Int
    let occurredAtNanoseconds: WallNanoseconds

    public func makeIterator() -> Iterator {
        Iterator(skuCount: skuCount, occurredAtNanoseconds: occurredAtNanoseconds)
    }

    public struct Iterator: IteratorProtocol {
        private let skuCount: Int
        private let occurredAtNanoseconds: WallNanoseconds
        private var skuNumber = 1
        private var locationIndex = -1

        init(skuCount: Int, occurredAtNanoseconds: WallNanoseconds) {
            self.skuCount = skuCount
            self.occurredAtNanoseconds = occurredAtNanoseconds
        }

        public mutating func next() -> IncomingEvent? {
            while true {
                locationIndex += 1
                if locationIndex == SampleCatalogue.locations.count {
                    locationIndex = 0
                    skuNumber += 1
                }
                if skuNumber > skuCount { return nil }
                guard let row = SamplePosition.row(skuNumber: skuNumber, locationIndex: locationIndex) else { continue }
                return row.event(
                    idPrefix: "sample:", source: SampleCatalogue.source,
                    occurredAtNanoseconds: occurredAtNanoseconds,
                    original: Array("sample catalogue: \(row.sku) at \(row.location)".utf8))
            }
        }
    }
}
