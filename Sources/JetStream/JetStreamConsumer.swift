internal import Feeds

/// The durable consumer of a subject as the server has it, made if it was not there.
struct JetStreamConsumer {
    let state: ConsumerState
    let isNew: Bool
    private let context: ReaderContext
    private let subject: String

    /// Nothing of the subject is handed over and not settled.
    init(_ context: ReaderContext, index: Int) throws(FeedFailure) {
        self.context = context
        let (settings, link) = (context.settings, context.link)
        subject = settings.subjects[index]
        let name = settings.durable(of: subject)
        let stream = try link.jetStream.stream(settings.stream)
        let found = try link.jetStream.consumer(name, of: settings.stream)
        isNew = found == nil
        if let found {
            state = found
        } else {
            state = try link.jetStream.addConsumer(
                durable: name, of: settings.stream, subject: subject,
                from: context.session.start(of: index, in: stream))
        }
        guard state.isPull, state.acknowledgesEach, state.subject.isEmpty || state.subject == subject else {
            throw FeedFailure(
                "consumer \(name) of stream \(settings.stream): is there already and is no pull consumer of \(subject) "
                    + "with explicit acknowledgements")
        }
        context.session.began(index, in: stream, consumer: state)
    }

    func subscribe() throws(FeedFailure) -> PullSubscription {
        try PullSubscription(context.link, consumer: state.name, of: context.settings.stream)
    }
}
