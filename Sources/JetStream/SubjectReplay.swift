internal import Engine
internal import Feeds
internal import Inventory

/// Reads a subject's past by a consumer of its own, up to where the durable one stood, on the thread that calls.
struct SubjectReplay: ~Copyable {
    private static let waitNanoseconds: Int64 = 500 * .perMillisecond

    let context: ReaderContext
    let index: Int
    let start: ConsumerStart

    /// Returns when all is committed or the session stops.
    func run() throws(FeedFailure) {
        let (settings, link) = (context.settings, context.link)
        let subject = settings.subjects[index]
        let durable = settings.durable(of: subject)
        guard let end = try link.jetStream.consumer(durable, of: settings.stream)?.deliveredSequence else {
            throw FeedFailure("consumer \(durable) of stream \(settings.stream): is not there, so nothing was read yet")
        }
        let consumer = try link.jetStream.addConsumer(
            durable: nil, of: settings.stream, subject: subject, from: start)
        defer { link.jetStream.deleteConsumer(consumer.name, of: settings.stream) }
        context.session.began(index, in: try link.jetStream.stream(settings.stream), consumer: consumer)
        let subscription = try PullSubscription(link, consumer: consumer.name, of: settings.stream)
        var (reached, waiting) = (UInt64(0), consumer.waiting)
        while reached < end, waiting > 0, !context.session.isStopping {
            guard let messages = try context.fetch(subscription, waitNanoseconds: Self.waitNanoseconds) else {
                // What waited may have been removed from the stream.
                waiting = try link.jetStream.consumer(consumer.name, of: settings.stream)?.waiting ?? 0
                continue
            }
            let batch = try context.decoded(messages, reader: index, through: end)
            // What came after the feed's place was left out.
            guard let last = batch.sequences.last else { return }
            (reached, waiting) = (last, batch.waiting)
            context.session.handOver(batch)
            guard context.session.verdict(for: index) else { return }
            messages.acknowledge()
        }
    }
}
