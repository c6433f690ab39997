import Glibc

/// The disk under the ledger. LMDB's calls end in this program's own `pwrite`, `writev`, `fdatasync` and `fsync`, which
/// remember what was written since the last sync and can cut the power in the middle of a commit: from then on no call
/// has an effect, and of what was not synced any part may be lost.
///
/// The whole simulator runs on one thread, and nothing but LMDB calls these while it does.

enum Disk {
    /// Where a power cut falls, as seen from the call that it hits.
    enum Moment: CaseIterable {
        case before, during, after
    }

    private struct Write {
        var descriptor: Int32
        var offset: Int
        var before: [UInt8]
    }

    static let sectorBytes = 512
    /// LMDB's two meta pages lie at the front; it writes them through a descriptor that syncs by itself.
    private static let metaBytes = 8_192

    nonisolated(unsafe) private static var callsUntilCut: Int?
    nonisolated(unsafe) private static var moment = Moment.before
    nonisolated(unsafe) private static var tornSectors = 0
    nonisolated(unsafe) private static var unsynced: [Write] = []
    nonisolated(unsafe) private(set) static var isCut = false
    /// Planted: syncs are forgotten, as on a disk that lies.
    nonisolated(unsafe) private static var losesSyncs = false
    nonisolated(unsafe) private(set) static var calls = 0

    /// Has the power cut at one of the next calls.
    static func planCut(afterCalls calls: Int, _ moment: Moment, tornSectors: Int) {
        callsUntilCut = calls
        self.moment = moment
        self.tornSectors = tornSectors
    }

    /// A new disk.
    static func reset(losesSyncs: Bool) {
        self.losesSyncs = losesSyncs
        unsynced = []
        isCut = false
        callsUntilCut = nil
        calls = 0
    }

    static func forgetPlan() {
        callsUntilCut = nil
        if !losesSyncs { unsynced = [] }
    }

    /// The power is back: each page of what was not synced is there or not, or the first sectors of it. The file must
    /// be closed, and `descriptor` opened on it anew.
    static func restore(_ descriptor: Int32, survives: () -> Bool, sectors: () -> Int) {
        for write in unsynced.reversed() {
            for start in stride(from: 0, to: write.before.count, by: 4_096) where !survives() {
                let kept = min(sectors() * sectorBytes, 4_096)
                let end = min(start + 4_096, write.before.count)
                guard start + kept < end else { continue }
                write.before[(start + kept)..<end].withUnsafeBytes {
                    _ = realPwrite(descriptor, $0.baseAddress, $0.count, write.offset + start + kept)
                }
            }
        }
        unsynced = []
        isCut = false
        callsUntilCut = nil
    }

    // MARK: Calls

    static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        guard let cut = meet() else { return fail() }
        let isMeta = offset < metaBytes && fcntl(descriptor, F_GETFL) & O_DSYNC != 0
        if cut {
            isCut = true
            // A meta page's content is less than a sector: it is written or not.
            guard moment != .before, !(isMeta && moment == .during) else { return fail() }
            let whole = moment == .after || tornSectors * sectorBytes >= bytes.count
            let count = whole ? bytes.count : tornSectors * sectorBytes
            _ = perform(descriptor, UnsafeRawBufferPointer(rebasing: bytes[..<count]), offset, isMeta)
            return fail()
        }
        return perform(descriptor, bytes, offset, isMeta)
    }

    static func sync() -> Int32 {
        guard let cut = meet() else { return Int32(fail()) }
        if !cut || moment == .after, !losesSyncs { unsynced = [] }
        guard cut else { return 0 }
        isCut = true
        return Int32(fail())
    }

    /// Whether this very call is the one that the cut falls on; nil: the power is off already.
    private static func meet() -> Bool? {
        guard !isCut else { return nil }
        calls += 1
        guard let left = callsUntilCut else { return false }
        callsUntilCut = left - 1
        return left == 0
    }

    private static func fail() -> Int {
        errno = EIO
        return -1
    }

    private static func perform(
        _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ offset: Int, _ isMeta: Bool
    ) -> Int {
        if callsUntilCut != nil || losesSyncs, !isMeta { remember(descriptor, bytes.count, offset) }
        return realPwrite(descriptor, bytes.baseAddress, bytes.count, offset)
    }

    private static func remember(_ descriptor: Int32, _ count: Int, _ offset: Int) {
        // What lies beyond the end of the file reads as zero.
        var before = [UInt8](repeating: 0, count: count)
        _ = before.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, count, offset) }
        unsynced.append(Write(descriptor: descriptor, offset: offset, before: before))
    }
}

private typealias PwriteCall = @convention(c) (Int32, UnsafeRawPointer?, Int, Int) -> Int

/// The C library's own: ours has its name.
nonisolated(unsafe) private let realPwrite: PwriteCall = {
    // RTLD_NEXT, a macro that Swift does not import.
    let next = UnsafeMutableRawPointer(bitPattern: -1)
    return unsafeBitCast(dlsym(next, "pwrite"), to: PwriteCall.self)
}()

@_cdecl("pwrite")
func simulatedPwrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ offset: Int) -> Int {
    Disk.write(descriptor, UnsafeRawBufferPointer(start: bytes, count: count), at: offset)
}

/// LMDB seeks before it. One call is one write, whatever it is gathered from.
@_cdecl("writev")
func simulatedWritev(_ descriptor: Int32, _ parts: UnsafePointer<iovec>?, _ count: Int32) -> Int {
    let offset = lseek(descriptor, 0, SEEK_CUR)
    var bytes: [UInt8] = []
    for part in UnsafeBufferPointer(start: parts, count: Int(count)) {
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: part.iov_base, count: part.iov_len))
    }
    return bytes.withUnsafeBytes { Disk.write(descriptor, $0, at: offset) }
}

@_cdecl("fdatasync")
func simulatedFdatasync(_ descriptor: Int32) -> Int32 { Disk.sync() }

@_cdecl("fsync")
func simulatedFsync(_ descriptor: Int32) -> Int32 { Disk.sync() }
