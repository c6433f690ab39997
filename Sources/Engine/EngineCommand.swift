public import Inventory

/// What the bytes of an event are. Raw values are stored with dead letters: fixed.
public enum ContentType: UInt8, Sendable, Equatable, CaseIterable {
    /// An `availability.v1.InventoryEvent`.
    case protobuf = 1
    /// One CloudEvent in its JSON format.
    case cloudEvent = 2
    /// A Shopify webhook: its own headers and its body, as HTTP has them.
    case shopify = 3
    /// One LIN loop of an X12 846.
    case x12 = 4
    /// One row of a CSV file.
    case csv = 5
    /// One object of a JSON-lines file.
    case json = 6
    /// A position as an ERP told it, in our own words.
    case erpReading = 7
    /// An `availability.v1.InventoryEvent` in a feed's message, in its sender's words: the feed's map translates it.
    case feedProtobuf = 8
    /// One CloudEvent of a publication, as it was to be told.
    case publication = 9
}

/// One event on its way in, with the bytes it came as: they are kept if it ends as a dead letter. Here it gets its digest, so that
/// the same event by two feeds is the same.
public struct IncomingEvent: Sendable {
    public let event: InventoryEvent
    public let original: [UInt8]
    public let contentType: ContentType
    /// Why the feed could make no event of the bytes: they become a dead letter of `event`'s source and id, which are all
    /// that counts of it. Nil: it could.
    public let rejection: EventRejection?

    public init(
        event: InventoryEvent, original: [UInt8], contentType: ContentType = .protobuf,
        rejection: EventRejection? = nil
    ) {
        var event = event
        event.bodyDigest = event.canonicalDigest
        self.event = event
        self.original = original
        self.contentType = contentType
        self.rejection = rejection
    }

    /// Whether it is one of many figures that were asked for: it says nothing of the others.
    var isReading: Bool { contentType == .erpReading && event.kind == .positionSnapshot }
}

/// Up to where a feed's events are committed; stored in the commit of their effect.
public struct FeedPosition: Sendable, Equatable, Codable {
    /// The feed's name.
    public var feed: String
    /// The place, in the feed's own words; at most 256 bytes.
    public var text: String
    /// When that place was written where the feed reads; 0: not known.
    public var timeNanoseconds: WallNanoseconds

    public init(feed: String, text: String, timeNanoseconds: WallNanoseconds = 0) {
        self.feed = feed
        self.text = text
        self.timeNanoseconds = timeNanoseconds
    }
}

/// By which way events come.
public struct EventOrigin: Sendable, Equatable {
    /// Kept with their dead letters, so that its map reads them anew; empty: by none.
    public var feed: String
    /// Whether the feed reads its past again. What is TOO_OLD then is told and not kept: it is nothing that anybody could mend,
    /// and would take the room of letters that are.
    public var isReplay: Bool

    public init(feed: String = "", isReplay: Bool = false) {
        self.feed = feed
        self.isReplay = isReplay
    }
}

/// A change of a channel's policy.
public struct ChannelUpdate: Sendable {
    public let channelID: String
    public let displayName: String
    public let policy: ChannelPolicy
    /// The etag the caller read; empty: whatever is there is replaced.
    public let etag: String
    /// Whether a channel that does not exist is created.
    public let allowMissing: Bool
    /// Checks everything and changes nothing.
    public let validateOnly: Bool
    /// Who asks, for the audit log.
    public let actor: String
    public let reason: String
    public let requestID: String

    public init(
        channelID: String, displayName: String, policy: ChannelPolicy, etag: String, allowMissing: Bool,
        validateOnly: Bool, actor: String, reason: String, requestID: String
    ) {
        self.channelID = channelID
        self.displayName = displayName
        self.policy = policy
        self.etag = etag
        self.allowMissing = allowMissing
        self.validateOnly = validateOnly
        self.actor = actor
        self.reason = reason
        self.requestID = requestID
    }
}

/// What the engine is asked to do. Indirect: a command goes through several hands, each of which would copy all its fields.
public indirect enum EngineCommand: Sendable {
    /// `position`: where their feed then stands.
    case publish(
        tenant: TenantNumber, events: [IncomingEvent], position: FeedPosition? = nil,
        origin: EventOrigin = EventOrigin())
    case updateChannel(tenant: TenantNumber, ChannelUpdate)
    /// Adds what the configuration has and the ledger lacks.
    case seed(tenant: TenantNumber, CatalogueSeed)
    case reserve(tenant: TenantNumber, ReservationWish, RequestIdentity)
    case change(tenant: TenantNumber, ReservationChangeWish, RequestIdentity)
    case takeErpOutcomes(tenant: TenantNumber, [ErpOutcome])
    /// Has holds looked for that a read of an ERP's figures lacked.
    case lookForHolds(tenant: TenantNumber, MissedHolds)
    /// What was held at the ERPs is known again after a backup was restored: holds are granted from now on.
    case endRestoration(tenant: TenantNumber)
    case reconcile(tenant: TenantNumber, ReconciliationCommand)
    /// Tries dead letters again, or gives them up.
    case dealWithDeadLetters(tenant: TenantNumber, DeadLetterWish)
    /// A source's figures were read whole, so nothing that it failed to tell before matters any more.
    case endGap(tenant: TenantNumber, GapEnd)
    case decideFeed(tenant: TenantNumber, FeedDecision)
    case note(tenant: TenantNumber, NotedDecision)
    case publication(tenant: TenantNumber, PublicationCommand)
    case rebuild(tenant: TenantNumber, RebuildCommand)

    /// Whose ledger it is about.
    var tenant: TenantNumber {
        switch self {
        case .publish(let tenant, _, _, _), .updateChannel(let tenant, _), .seed(let tenant, _),
            .reserve(let tenant, _, _),
            .change(let tenant, _, _), .takeErpOutcomes(let tenant, _), .lookForHolds(let tenant, _),
            .endRestoration(let tenant), .reconcile(let tenant, _), .dealWithDeadLetters(let tenant, _),
            .endGap(let tenant, _), .decideFeed(let tenant, _), .publication(let tenant, _), .rebuild(let tenant, _),
            .note(let tenant, _):
            tenant
        }
    }

    /// The command's share of a group: about how many records it writes, and more for events of many bytes, so that the
    /// queue is bounded in memory as well.
    var weight: Int {
        switch self {
        case .publish(_, let events, _, _):
            max(1, events.reduce(0) { $0 + 1 + $1.event.contains.count + $1.original.count / 1_024 })
        case .reserve(_, let wish, _): 1 + wish.lines.count
        case .takeErpOutcomes(_, let outcomes): max(1, outcomes.count)
        case .lookForHolds(_, let missed): max(1, missed.lines.count)
        case .dealWithDeadLetters(_, let wish):
            max(1, wish.letters.reduce(0) { $0 + 1 + ($1.incoming?.original.count ?? 0) / 1_024 })
        case .reconcile(_, .compare(let page)): max(1, page.figures.count)
        case .reconcile(_, .repair(let repair)): max(1, repair.numbers.count)
        case .rebuild(_, let command): command.weight
        case .updateChannel, .seed, .change, .endRestoration, .reconcile, .endGap, .decideFeed, .note, .publication: 1
        }
    }

    /// Whether it adds to the store. What only frees space may use the headroom beyond the quota.
    var isGrowing: Bool {
        switch self {
        case .publish, .seed, .updateChannel, .reserve, .reconcile, .publication(_, .giveUp): true
        case .change(_, let wish, _):
            switch wish.kind {
            case .extend, .commit: true
            case .release: false
            }
        case .dealWithDeadLetters(_, let wish): wish.kind == .replay
        case .rebuild(_, let command): command.isGrowing
        case .takeErpOutcomes, .lookForHolds, .endRestoration, .endGap, .decideFeed, .note, .publication: false
        }
    }

    var startsRebuild: Bool {
        if case .rebuild(_, .start) = self { true } else { false }
    }
}

/// How one event ended.
public struct EventResult: Sendable, Equatable {
    public let id: String
    public let outcome: EventOutcome
    /// Empty, or an UPPER_SNAKE reason that may be followed by `: ` and text.
    public let reason: String

    public init(id: String, outcome: EventOutcome, reason: String = "") {
        self.id = id
        self.outcome = outcome
        self.reason = reason
    }
}

/// Outcomes by the contract's names. Raw values are stored with the event's id: fixed.
public enum EventOutcome: UInt8, Sendable, Equatable {
    case applied = 1
    case duplicate = 2
    case superseded = 3
    case buffered = 4
    case deadLettered = 5
}

/// What a command came to. Only told after its group is on disk.
public enum EngineReply: Sendable {
    /// `sequence`: the ledger sequence at which the events are visible.
    case published(results: [EventResult], sequence: UInt64)
    case channel(Channel)
    /// It is stored; there is nothing to tell of it.
    case done
    case reserved(ReservationReply)
    case reconciliation(ReconciliationReply, sequence: UInt64)
    /// One result for each, in order.
    case deadLetters(results: [DeadLetterResult], sequence: UInt64)
    /// How the rebuild now stands.
    case rebuild(Rebuild, sequence: UInt64)
    case failed(EngineError)
}

/// Why a command as a whole had no effect.
public enum EngineError: Error, Sendable, Equatable {
    /// The store has no room for more; reads and what frees space go on. Retriable.
    case storageFull
    /// So much is kept of dead letters that no new one is, nor the batch that it is in: the limit, in words. Retriable.
    case deadLettersFull(String)
    /// Too much is waiting already. Retriable.
    case queueFull
    /// A record the command needs is damaged; others are not concerned.
    case dataLoss(String)
    /// The channel changed since the caller read it.
    case etagMismatch(current: String)
    case channelNotFound(String)
    /// Some lines cannot be held; nothing was.
    case notGranted([GrantShortage])
    /// The customer has as many open reservations as the channel allows.
    case holdLimitReached(customer: String, holdsMax: Int64)
    /// The request id belongs to a request with another body.
    case requestIDReused
    case reservationNotFound(String)
    /// The reservation is not in a state that allows the change.
    case reservationState(id: String, state: ReservationState)
    case versionMismatch(id: String, current: UInt64)
    /// The ERP said no; what was held is given back.
    case erpRejected(Reservation)
    /// A backup was restored, and what is held at the ERPs is not read back yet. Retriable.
    case restoring
    /// One comparison at a time for each ERP.
    case reconciliationRunning(erp: String)
    case reconciliationNotFound(String)
    /// One rebuild at a time, until the last row of the one before is deleted.
    case rebuildRunning(String)
    case rebuildNotFound(String)
    /// The rebuild is not in a state that allows the change.
    case rebuildNotReady(id: String, state: String)
    /// The rebuild lacks events, or has positions with more to sell, and nobody accepted that.
    case rebuildDiffers(Rebuild)
    /// Too much waits for the ERP already. Retriable.
    case erpBacklog(waiting: Int)
    /// The field's path and what is wrong with it.
    case invalidField(path: String, reason: String)
    /// A fault of ours: nothing was changed, readiness is off.
    case invariantBroken(String)
    case stopping
}
