import Glibc
import Ledger

/// Where a ledger lies: a directory on a disk that may lose power.
struct Machine {
    static let epoch: UInt64 = 7
    let directory: String

    func openLedger() throws(Violation) -> Ledger {
        var options = LedgerOptions()
        options.mapBytes = 256 << 20
        options.epoch = Self.epoch
        options.maxReaders = 16
        do throws(LedgerError) {
            return try Ledger(directory: directory, options: options)
        } catch { throw Violation(.acknowledgedIsThere, "the ledger cannot be opened: \(error)") }
    }

    func clear() {
        for name in ["data.mdb", "lock.mdb", "ended-in-order", "ledger.lock"] { _ = unlink("\(directory)/\(name)") }
    }

    /// A process that was killed loses nothing that it had written; a machine without power anything not synced.
    func restorePower(_ chance: inout Chance) {
        let file = open("\(directory)/data.mdb", O_RDWR | O_CLOEXEC)
        let wasKilled = chance.oneIn(3)
        Disk.restore(
            file, survives: { wasKilled || chance.oneIn(2) }, sectors: { chance.oneIn(4) ? chance.below(8) : 0 })
        _ = Glibc.close(file)
    }

    /// Walks the store and proves the ledger's invariants.
    static func verify(_ ledger: Ledger) throws(Violation) {
        let report: VerificationReport
        do throws(LedgerError) {
            report = try ledger.verify()
        } catch { throw Violation(.acknowledgedIsThere, "verify failed: \(error)") }
        try require(report.isClean, .countersRecomputed, "verify: \(report.problems.prefix(3))")
    }
}
