public import Calls
public import Engine
public import Feeds
public import Inventory
public import Ledger

/// What the services are made from. Shared by all loops.
public struct ServiceEnvironment: Sendable {
    public let ledger: Ledger
    public let engine: EngineThread
    public let board: StateBoard
    public let health: HealthBoard
    public let settings: EngineSettings
    /// Ledger time, by which holds expire.
    public let clock: LedgerClock
    public let outbox: ErpOutbox
    public let watches: ReservationWatches
    public let tails: EventTails
    public let deadLetterDecoder: DeadLetterDecoder
    public let availabilityWatches: AvailabilityWatches
    public let tenant: TenantNumber
    public let tenantName: String
    public let version: String
    /// Wall time at which the server started.
    public let startNanoseconds: WallNanoseconds
    /// The wire's limits that callers should know.
    public let messageBytesMax: Int
    public let headerListBytesMax: Int
    public let headerFieldsMax: Int
    /// How the ERPs do.
    public let erps: @Sendable () -> [ErpCondition]
    /// Those that tell the figures of their locations when they are read, by name.
    public let readableErps: @Sendable () -> [String]
    /// To be called with an ERP's name once a comparison of it is in the ledger.
    public let reconciliationStarted: @Sendable (_ erp: String) -> Void
    public let feeds: FeedSupervisor
    public let publications: PublicationSupervisor
    /// The checks of readiness.
    public let checks: @Sendable () -> [ReadinessCheck]
    /// The wall clock.
    public let now: @Sendable () -> WallNanoseconds
    /// The monotonic clock, for throttles.
    public let monotonicNow: @Sendable () -> Int64

    var epoch: UInt64 { ledger.epoch }

    public init(
        ledger: Ledger, engine: EngineThread, board: StateBoard, health: HealthBoard, settings: EngineSettings,
        clock: LedgerClock, outbox: ErpOutbox, watches: ReservationWatches,
        availabilityWatches: AvailabilityWatches, tails: EventTails,
        deadLetterDecoder: DeadLetterDecoder = DeadLetterDecoder(), tenant: TenantNumber, tenantName: String,
        version: String, startNanoseconds: WallNanoseconds,
        messageBytesMax: Int, headerListBytesMax: Int, headerFieldsMax: Int,
        erps: @escaping @Sendable () -> [ErpCondition],
        readableErps: @escaping @Sendable () -> [String] = { [] },
        reconciliationStarted: @escaping @Sendable (_ erp: String) -> Void, feeds: FeedSupervisor,
        publications: PublicationSupervisor,
        checks: @escaping @Sendable () -> [ReadinessCheck],
        now: @escaping @Sendable () -> WallNanoseconds,
        monotonicNow: @escaping @Sendable () -> Int64
    ) {
        self.ledger = ledger
        self.engine = engine
        self.board = board
        self.health = health
        self.settings = settings
        self.clock = clock
        self.outbox = outbox
        self.watches = watches
        self.tails = tails
        self.deadLetterDecoder = deadLetterDecoder
        self.availabilityWatches = availabilityWatches
        self.tenant = tenant
        self.tenantName = tenantName
        self.version = version
        self.startNanoseconds = startNanoseconds
        self.messageBytesMax = messageBytesMax
        self.headerListBytesMax = headerListBytesMax
        self.headerFieldsMax = headerFieldsMax
        self.erps = erps
        self.readableErps = readableErps
        self.reconciliationStarted = reconciliationStarted
        self.feeds = feeds
        self.publications = publications
        self.checks = checks
        self.now = now
        self.monotonicNow = monotonicNow
    }
}

extension CallContext {
    /// Who asks, for the audit log.
    var actor: String { peer?.subject ?? "anonymous" }
}
