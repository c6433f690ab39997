/// An ERP as the configuration file describes it.
public struct ConfiguredErp: Sendable, Equatable {
    public enum Adapter: Sendable, Equatable {
        /// The stock book in the same process.
        case embedded
        case tryton(TrytonConnection)
    }

    public var id: String
    public var adapter: Adapter
    /// Locations it serves; nil: all that no other ERP names.
    public var locations: [String]?
    public var callTimeoutNanoseconds: Int64 = 10_000_000_000
    public var callsInFlightMax: Int64 = 4
    /// 0: no limit.
    public var callsPerSecond: Int64 = 0
    /// Times of day, UTC, in seconds after midnight, in which it is not called.
    public var maintenance: [DayWindow] = []
    /// How often its figures are read and taken over; nil: never. The source of the snapshots has the ERP's name.
    public var readEveryNanoseconds: Int64?
    /// How often its figures are compared with ours; nil: only when somebody asks.
    public var reconcileEveryNanoseconds: Int64?
    /// Drift of at most so many units is repaired without being asked; nil: never.
    public var reconcileApplyUpTo: Int64?
    /// Channels that sell what it serves tighten once its oldest write is older than this.
    public var degradedAfterNanoseconds: Int64 = 30_000_000_000
    /// They tighten as well once so many writes wait for it.
    public var degradedWrites: Int64 = 10_000

    public init(id: String, adapter: Adapter) {
        self.id = id
        self.adapter = adapter
    }
}

/// How to reach a Tryton. Secrets are named, never held here.
public struct TrytonConnection: Sendable, Equatable {
    public var url = ""
    public var database = ""
    public var user = ""
    /// The environment variable that has the password; or else the file.
    public var passwordVariable: String?
    public var passwordFile: String?
    /// The company's name.
    public var company = ""
    /// The code of the party that shipments are made out to.
    public var customer = ""
    /// Tryton's warehouse code by our location id.
    public var warehouses: [String: String] = [:]

    public init() {}
}

/// A part of the day; the end may lie on the next one.
public struct DayWindow: Sendable, Equatable {
    public var startSeconds: Int64
    public var endSeconds: Int64

    public init(startSeconds: Int64, endSeconds: Int64) {
        self.startSeconds = startSeconds
        self.endSeconds = endSeconds
    }

    /// `22:30-04:00`
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let start = Self.seconds(parts[0]), let end = Self.seconds(parts[1]), start != end
        else { return nil }
        self.init(startSeconds: start, endSeconds: end)
    }

    private static func seconds(_ text: Substring) -> Int64? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.count == 2 }), let hour = Int64(parts[0]),
            let minute = Int64(parts[1]), (0..<24).contains(hour), (0..<60).contains(minute)
        else { return nil }
        return hour * 3_600 + minute * 60
    }
}
