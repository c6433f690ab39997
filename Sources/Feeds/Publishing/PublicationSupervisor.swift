public import Engine
internal import Inventory
public import Logging

/// Runs the publications, each in a task of its own: what becomes of one never touches another. Any thread.
public final class PublicationSupervisor: Sendable {
    private let runners: [PublicationRunner]

    /// - Parameter publications: with ids that differ.
    public init(
        _ publications: [(settings: PublicationSettings, target: any PublicationTarget)], port: PublicationPort,
        logger: Logger
    ) {
        runners = publications.map {
            PublicationRunner($0.settings, target: $0.target, port: port, logger: logger)
        }
    }

    /// Runs them until the task is cancelled, and returns when all have ended.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for runner in runners { group.addTask { await runner.run() } }
        }
    }

    /// In the order of the configuration.
    public var conditions: [PublicationCondition] { runners.map(\.condition) }

    /// Nil: no publication is called so.
    public func condition(of id: String) -> PublicationCondition? { runner(id)?.condition }

    /// Ends a publication's run until it is resumed. What is paused here must be stored: to be called after the commit.
    public func pause(_ id: String, _ pause: PublicationPause) { runner(id)?.pause(pause) }

    /// Lets a paused publication go on. To be called after the commit.
    public func resume(_ id: String) { runner(id)?.resume() }

    /// Whether the publication that gave a message up can tell its line again.
    ///
    /// - Parameter source: of the dead letter.
    public func canTellAgain(source: String, original: [UInt8]) -> Bool {
        guard let line = PublishedEvent.line(of: original) else { return false }
        return runner(ofSource: source)?.canTellAgain(line) ?? false
    }

    /// Has the newest figure of a dead letter's line told; the letter is deleted once that is acknowledged.
    public func tellAgain(source: String, original: [UInt8], letter: String) {
        guard let line = PublishedEvent.line(of: original) else { return }
        runner(ofSource: source)?.tellAgain(line, letter: letter)
    }

    private func runner(ofSource source: String) -> PublicationRunner? {
        guard source.hasPrefix(UndeliveredMessage.sourcePrefix) else { return nil }
        return runner(String(source.dropFirst(UndeliveredMessage.sourcePrefix.count)))
    }

    private func runner(_ id: String) -> PublicationRunner? { runners.first { $0.settings.id == id } }
}
