internal import Glibc

/// How far a long task has come.
public struct CatalogueProgress: Sendable, Equatable {
    public var bytesDone: UInt64
    /// Absent when the end is not known, as with a pipe.
    public var bytesTotal: UInt64?
    public var rows: UInt64
    /// Absent when it is not known beforehand.
    public var rowsTotal: UInt64?
    /// Over the whole task so far.
    public var rowsPerSecond: Double

    public init(
        bytesDone: UInt64 = 0, bytesTotal: UInt64? = nil, rows: UInt64 = 0, rowsTotal: UInt64? = nil,
        rowsPerSecond: Double = 0
    ) {
        self.bytesDone = bytesDone
        self.bytesTotal = bytesTotal
        self.rows = rows
        self.rowsTotal = rowsTotal
        self.rowsPerSecond = rowsPerSecond
    }

    /// 0 to 1; nil when the end is not known.
    public var fraction: Double? {
        let (done, total) = rowsTotal.map { (rows, $0) } ?? (bytesDone, bytesTotal ?? 0)
        return total == 0 ? nil : min(1, Double(done) / Double(total))
    }
}

/// Measures a task's pace.
struct Pace {
    private let startNanoseconds = monotonicNanoseconds()

    func rowsPerSecond(_ rows: UInt64) -> Double {
        let elapsed = monotonicNanoseconds() - startNanoseconds
        return elapsed <= 0 ? 0 : Double(rows) * 1e9 / Double(elapsed)
    }
}

/// The time since some fixed moment, in nanoseconds; never runs back.
func monotonicNanoseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
