public import Engine
public import Inventory

/// How a publication does. Raw values are those of the contract's `PublicationState`.
public enum PublicationState: Int, Sendable, CaseIterable {
    /// It tells, or waits for a change.
    case running = 1
    /// It waits before it tries again.
    case failed = 2
    /// A person, or the receiver by its answer 410, paused it.
    case paused = 3

    /// As in metrics.
    public var name: String {
        switch self {
        case .running: "running"
        case .failed: "failed"
        case .paused: "paused"
        }
    }
}

/// What is known of a publication at one moment.
public struct PublicationCondition: Sendable, Equatable {
    /// From so many on a person should look.
    public static let manyRetrying = 1_000

    public let id: String
    public let channel: String
    public let kind: PublicationKind
    public let state: PublicationState
    /// Without secrets.
    public let target: String
    public let acknowledgedSequence: UInt64
    /// Lines whose newest figure is not acknowledged, as far as they are kept here.
    public let waiting: Int
    /// Those of them that were tried in vain.
    public let retrying: Int
    /// How long the one that waits longest has waited; while nothing is told, at least for how long that has been so.
    public let ageNanoseconds: Int64
    /// Since the server started.
    public let told: UInt64
    public let failed: UInt64
    public let givenUp: UInt64
    /// With how many lines were tried in vain, where those are many.
    public let lastError: String
    public let lastErrorNanoseconds: WallNanoseconds?
    public let pauseReason: String
}

/// What the configuration says of a publication.
public struct PublicationSettings: Sendable, Equatable {
    public var id: String
    public var question: PublicationQuestion
    /// Before `.availability.changed.v1`; empty: nothing.
    public var typePrefix: String
    /// Messages on their way at a time, 1 or more.
    public var inFlightMax: Int
    /// When a message is tried again, and when no more.
    public var retry: WebhookRetry
    /// What is told and to whom, digested.
    public var targetDigest: String

    public init(
        id: String, question: PublicationQuestion, typePrefix: String = "", inFlightMax: Int,
        retry: WebhookRetry = WebhookRetry(), targetDigest: String
    ) {
        self.id = id
        self.question = question
        self.typePrefix = typePrefix
        self.inFlightMax = inFlightMax
        self.retry = retry
        self.targetDigest = targetDigest
    }
}

/// What a publication is given to work with. Any thread.
public struct PublicationPort: Sendable {
    public let figures: any FigureSource
    /// What is stored of the publication; nil: nothing yet.
    public let progress: @Sendable (_ publication: String) throws(FeedFailure) -> PublicationProgress?
    /// Returns after the commit; throws when there was none.
    public let store: @Sendable (PublicationCommand) async throws(FeedFailure) -> Void
    public let clock: FeedClock
    public let alarm: AlarmClock

    public init(
        figures: any FigureSource,
        progress: @escaping @Sendable (_ publication: String) throws(FeedFailure) -> PublicationProgress?,
        store: @escaping @Sendable (PublicationCommand) async throws(FeedFailure) -> Void, clock: FeedClock,
        alarm: AlarmClock
    ) {
        self.figures = figures
        self.progress = progress
        self.store = store
        self.clock = clock
        self.alarm = alarm
    }
}
