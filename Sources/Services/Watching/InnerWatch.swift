internal import Calls
public import Feeds
internal import Inventory
internal import Proto
internal import SwiftProtobuf

/// The watches as publications have them: in this process, by the same code as those of callers.
extension AvailabilityWatches: FigureSource {
    public func watch(
        _ question: PublicationQuestion, after token: String, _ reader: any FigureReader
    ) throws(FeedFailure) -> any FigureWatch {
        guard let bands = WatchBands(question.bands) else { preconditionFailure("the configuration was checked") }
        let lines = question.lines.map { ($0.sku, $0.location) }
        let watch = AvailabilityWatch(
            question: WatchQuestion(
                channel: question.channel, lines: lines, bands: bands, token: WatchToken(token)),
            sink: InnerWatchSink(reader, now: now))
        do throws(CallStatus) {
            return InnerWatch(watch: watch, shard: try add(watch))
        } catch {
            throw FeedFailure(error.message)
        }
    }

    public func token(_ text: String) -> FigureToken? { WatchToken(text).map { FigureToken($0, text: text) } }
}

private struct InnerWatch: FigureWatch {
    let watch: AvailabilityWatch
    let shard: WatchShard

    func wake() { shard.wake(watch) }

    func tellAgain(_ line: PublicationLine) { shard.tellAgain(watch, line) }

    func cancel() {
        watch.end()
        shard.wake(watch)
    }
}

/// Hands what a watch tells to its reader. Thread: the watch's own, and for `isWritable` any.
final class InnerWatchSink: ResponseSink {
    private let reader: any FigureReader
    private let now: @Sendable () -> WallNanoseconds

    init(_ reader: any FigureReader, now: @escaping @Sendable () -> WallNanoseconds) {
        self.reader = reader
        self.now = now
    }

    func take(_ message: [UInt8], termsDigest: UInt64) {
        let response: Availability_V1_WatchAvailabilityResponse
        do {
            response = try Availability_V1_WatchAvailabilityResponse(serializedBytes: message)
        } catch {
            preconditionFailure("a message of our own cannot be read: \(error)")
        }
        let time = now()
        let figures = response.lines.map { line in
            ToldFigure(
                line: PublicationLine(sku: line.sku, location: line.location), sequence: response.sequence,
                epoch: response.epoch, timeNanoseconds: time,
                data: {
                    [policyVersion = response.policyVersion, sequence = response.sequence, epoch = response.epoch] in
                    Self.json(line, policyVersion: policyVersion, sequence: sequence, epoch: epoch)
                })
        }
        let token = WatchToken(response.resumeToken).map { FigureToken($0, text: response.resumeToken) }
        reader.take(
            ToldMessage(
                figures: figures, token: token, termsDigest: termsDigest,
                hasStale: response.lines.contains { $0.freshness == .stale }))
    }

    /// What a watcher is told, with one line, in protobuf's JSON; fields that are 0 or empty, too, since not everybody who reads
    /// this knows what their absence means.
    private static func json(
        _ line: Availability_V1_AvailabilityLine, policyVersion: UInt64, sequence: UInt64, epoch: UInt64
    ) -> String {
        """
        {"lines":[{"sku":\(PublishedEvent.quoted(line.sku)),"location":\(PublishedEvent.quoted(line.location)),\
        "available":"\(line.available)","status":"\(line.status.contractName)",\
        "freshness":"\(line.freshness.contractName)","ageMs":"\(line.ageMs)"}],\
        "policyVersion":"\(policyVersion)","sequence":"\(sequence)","epoch":"\(epoch)"}
        """
    }

    var isWritable: Bool { reader.hasRoom }

    func finish(_ status: CallStatus) { reader.ended(FeedFailure(status.message)) }

    // What only calls of callers need.
    func send(_ message: [UInt8]) { preconditionFailure("an inner watch is told with its terms") }
    func finish(making reply: @escaping @Sendable () -> [UInt8]) { preconditionFailure("a watch is no unary call") }
    func resumeReading() {}
}

extension FigureToken {
    fileprivate init(_ token: WatchToken, text: String) {
        var cautious = token
        cautious.toldStale = true
        self.init(
            text: text, sequence: token.sequence, termsDigest: token.termsDigest, toldStale: token.toldStale,
            cautiousText: cautious.text)
    }
}

extension Availability_V1_AvailabilityStatus {
    fileprivate var contractName: String {
        switch self {
        case .inStock: "AVAILABILITY_STATUS_IN_STOCK"
        case .limited: "AVAILABILITY_STATUS_LIMITED"
        case .outOfStock: "AVAILABILITY_STATUS_OUT_OF_STOCK"
        case .unknownSku: "AVAILABILITY_STATUS_UNKNOWN_SKU"
        case .withheld: "AVAILABILITY_STATUS_WITHHELD"
        case .unspecified, .UNRECOGNIZED: "AVAILABILITY_STATUS_UNSPECIFIED"
        }
    }
}

extension Availability_V1_Freshness {
    fileprivate var contractName: String {
        switch self {
        case .fresh: "FRESHNESS_FRESH"
        case .stale: "FRESHNESS_STALE"
        case .unspecified, .UNRECOGNIZED: "FRESHNESS_UNSPECIFIED"
        }
    }
}
