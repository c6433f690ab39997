public import Engine
public import Inventory

/// Up to where an ERP's changes were acted upon, in words that fit a feed's position.
public struct ErpChangePosition: Sendable, Equatable {
    /// The newest change's time, by the ERP's own clock; 0: there was none.
    public var timeNanoseconds: Int64
    /// Of the changes of that time and the overlap before it: tells after a restart whether another came to them since.
    var digest: UInt64

    init(timeNanoseconds: Int64, digest: UInt64) {
        self.timeNanoseconds = timeNanoseconds
        self.digest = digest
    }

    /// Nil: it is none that was written here.
    public init?(_ text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, let digest = UInt64(parts[1], radix: 16) else { return nil }
        guard let time = parts[0] == "-" ? 0 : Timestamp.nanoseconds(String(parts[0])) else { return nil }
        self.init(timeNanoseconds: time, digest: digest)
    }

    public var text: String {
        "\(timeNanoseconds > 0 ? Timestamp.text(timeNanoseconds) : "-") \(String(digest, radix: 16))"
    }
}

/// Asks an ERP again and again what changed, and reads the figures there anew. Each record's change is acted upon once:
/// what was is remembered for as long as the overlap, and after a restart known by the position.
///
/// An ERP's change may carry the time at which its transaction began, so each poll begins by an overlap before the
/// newest time that was seen. Only the ERP's own times are compared with each other.
public struct ErpChangePolling: Sendable {
    private static let changesPerPage = 1_000

    private let erp: any ErpReads
    private let reading: ErpPositionReading
    private let overlapNanoseconds: Int64
    private let wallNanoseconds: @Sendable () -> WallNanoseconds
    /// The newest time seen.
    private var timeNanoseconds: Int64
    /// Acted upon, at `timeNanoseconds` and up to the overlap before: each record's newest time.
    private var done: Marks = [:]

    private typealias Marks = [Int64: Int64]

    private init(
        _ erp: any ErpReads, _ reading: ErpPositionReading, overlapNanoseconds: Int64,
        wallNanoseconds: @escaping @Sendable () -> WallNanoseconds, timeNanoseconds: Int64
    ) {
        self.erp = erp
        self.reading = reading
        self.overlapNanoseconds = overlapNanoseconds
        self.wallNanoseconds = wallNanoseconds
        self.timeNanoseconds = timeNanoseconds
    }

    /// Takes in snapshots, and where given the position that holds from then on; returns once both are on disk.
    public typealias Publish = @Sendable ([IncomingEvent], ErpChangePosition?) async throws -> Void

    /// Goes on at a position. Without one all figures are read first.
    ///
    /// - Parameter overlapNanoseconds: the longest that the ERP takes from a change's time to its commit.
    public static func begin(
        at position: ErpChangePosition?, of erp: any ErpReads, _ reading: ErpPositionReading, overlapNanoseconds: Int64,
        wallNanoseconds: @escaping @Sendable () -> WallNanoseconds, publish: Publish
    ) async throws -> ErpChangePolling {
        let locations = reading.locations
        if let position {
            var polling = ErpChangePolling(
                erp, reading, overlapNanoseconds: overlapNanoseconds, wallNanoseconds: wallNanoseconds,
                timeNanoseconds: position.timeNanoseconds)
            let known = try await polling.known()
            // Otherwise one that is not acted upon yet is among them, and nobody knows which.
            if Self.digest(known) == position.digest { polling.done = known }
            return polling
        }
        let newest = try await erp.read { (erp, deadline) async throws(ErpFailure) in
            try await erp.newestChange(at: locations, deadline: deadline)
        }
        var polling = ErpChangePolling(
            erp, reading, overlapNanoseconds: overlapNanoseconds, wallNanoseconds: wallNanoseconds,
            timeNanoseconds: newest?.timeNanoseconds ?? 0)
        polling.done = try await polling.known()
        // The figures have what was known before they were asked for.
        let result = try await reading.run(wallNanoseconds: wallNanoseconds) { try await publish($0, nil) }
        try await publish([result.heartbeat], polling.position)
        return polling
    }

    private var position: ErpChangePosition {
        ErpChangePosition(timeNanoseconds: timeNanoseconds, digest: Self.digest(done))
    }

    /// Reads the places of all changes that were not acted upon yet, and says in the end that all is known as it was when
    /// the poll began. What changes while it is read is found by the next poll.
    ///
    /// Throws what the ERP (`ErpFailure`) or `publish` throws; then it is begun anew.
    public mutating func poll(publish: Publish) async throws {
        let heartbeat = reading.heartbeat(askedNanoseconds: wallNanoseconds())
        var mark = windowStart
        while true {
            let page = try await page(after: mark)
            let new = page.changes.filter { done[$0.mark.record] != $0.mark.timeNanoseconds }
            let former = position
            timeNanoseconds = max(timeNanoseconds, page.reached?.timeNanoseconds ?? 0)
            for change in new { done[change.mark.record] = change.mark.timeNanoseconds }
            if timeNanoseconds > former.timeNanoseconds {
                let start = windowStart.timeNanoseconds
                done = done.filter { $0.value >= start }
            }
            let position = self.position
            if !new.isEmpty {
                try await reading.read(Set(new.flatMap(\.places)), wallNanoseconds: wallNanoseconds) { events, isLast in
                    try await publish(events, isLast ? position : nil)
                }
            } else if position != former {
                try await publish([], position)
            }
            guard page.hasMore, let reached = page.reached else { break }
            mark = reached
        }
        try await publish([heartbeat], nil)
    }

    private var windowStart: ErpChangeMark {
        ErpChangeMark(beforeNanoseconds: max(0, timeNanoseconds - overlapNanoseconds))
    }

    private func page(after mark: ErpChangeMark) async throws -> ErpChangePage {
        let locations = reading.locations
        return try await erp.read { (erp, deadline) async throws(ErpFailure) in
            try await erp.changes(at: locations, after: mark, limit: Self.changesPerPage, deadline: deadline)
        }
    }

    /// What the ERP now has of the newest time seen and the overlap before it.
    private func known() async throws -> Marks {
        var known: Marks = [:]
        var mark = windowStart
        while true {
            let page = try await page(after: mark)
            for change in page.changes where change.mark.timeNanoseconds <= timeNanoseconds {
                known[change.mark.record] = change.mark.timeNanoseconds
            }
            guard page.hasMore, let reached = page.reached, reached.timeNanoseconds <= timeNanoseconds else {
                return known
            }
            mark = reached
        }
    }

    /// The same for the same marks in whatever order.
    private static func digest(_ marks: Marks) -> UInt64 {
        marks.reduce(0) { sum, mark in
            sum &+ mixed(mixed(UInt64(bitPattern: mark.value)) ^ UInt64(bitPattern: mark.key))
        }
    }

    /// SplitMix64's finalizer.
    private static func mixed(_ number: UInt64) -> UInt64 {
        var number = number &+ 0x9E37_79B9_7F4A_7C15
        number = (number ^ (number >> 30)) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ (number >> 27)) &* 0x94D0_49BB_1331_11EB
        return number ^ (number >> 31)
    }
}
