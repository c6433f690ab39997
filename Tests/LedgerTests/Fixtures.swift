import Foundation
import Glibc
import Inventory

@testable import Ledger

/// A directory of its own for one test, removed with it.
final class TemporaryDirectory {
    let path: String

    init() {
        var template = Array((NSTemporaryDirectory() + "/ledger-XXXXXX").utf8CString)
        guard let made = mkdtemp(&template) else { preconditionFailure("no temporary directory: \(errno)") }
        path = String(cString: made)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    var ledger: String { path + "/ledger" }
    var dataFile: String { ledger + "/data.mdb" }
}

/// SplitMix64: the same numbers for the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// From the environment, to repeat a failed run, or new.
func testSeed() -> UInt64 {
    ProcessInfo.processInfo.environment["TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000)
}

func smallOptions(_ change: (inout LedgerOptions) -> Void = { _ in }) -> LedgerOptions {
    var options = LedgerOptions()
    options.mapBytes = 1 << 28
    options.epoch = 7
    change(&options)
    return options
}

func makePosition(onHand: Int64, sequence: UInt64 = 1) -> Position {
    var position = Position()
    position.buckets[.onHand] = onHand
    position.sequence = sequence
    return position
}

/// Every field at a value of its own.
func makeFullPosition() -> Position {
    var position = Position()
    for bucket in Bucket.allCases { position.buckets[bucket] = Int64(bucket.rawValue + 1) * 1_000_003 }
    position.sequence = 0x0102_0304_0506_0708
    position.authoritativeTimeNanoseconds = 1_700_000_000_000_000_001
    position.authoritativeSource = 0xABCD
    position.nextExpiryNanoseconds = 1_700_000_000_000_000_002
    position.newestPrimary = -5
    position.newestAbsolutePrimary = 7
    position.prunedThroughPrimary = .min
    position.contained = 11
    position.isSplit = true
    position.tellsAllocated = true
    position.setChannelHolds([ChannelHold(channel: 3, units: 40), ChannelHold(channel: 9, units: 2)])
    return position
}

func makeEntry(_ primary: Int64, isAbsolute: Bool = false, source: SourceDigest = 1, id: String) -> JournalEntry {
    var effect = StockEffect(isAbsolute: isAbsolute, touched: [BucketSet(.onHand), BucketSet(.safetyStock)])
    effect.values[.onHand] = primary
    effect.values[.safetyStock] = -primary
    return JournalEntry(
        key: OrderKey(primary: primary, isAbsolute: isAbsolute, source: source, id: id), effect: effect)
}

extension Ledger {
    /// One committed batch.
    @discardableResult
    func commit(_ body: (inout WriteBatch) throws(LedgerError) -> Void) throws(LedgerError) -> UInt64 {
        try withWriteBatch(body).sequence
    }

    func set(_ sku: String, at location: LocationNumber, onHand: Int64, tenant: TenantNumber = 1) throws(LedgerError) {
        try commit { batch throws(LedgerError) in
            let sequence = batch.nextSequence()
            try batch.setPosition(
                makePosition(onHand: onHand, sequence: sequence), tenant: tenant, sku: sku, location: location)
        }
    }
}

extension SnapshotReader {
    /// The hot read, as a table.
    func onHand(_ sku: String, tenant: TenantNumber = 1) throws(LedgerError) -> [LocationNumber: Int64] {
        var found: [LocationNumber: Int64] = [:]
        let count = try Array(sku.utf8).withBytes { bytes throws(LedgerError) in
            try positions(tenant: tenant, sku: bytes) { location, position in
                found[location] = position.position.buckets[.onHand]
            }
        }
        precondition(count == found.count, "the count is that of the positions given")
        return found
    }
}

extension [UInt8] {
    func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws(LedgerError) -> Result
    ) throws(LedgerError) -> Result {
        let result = withUnsafeBytes { bytes in
            Swift.Result<Result, LedgerError> { () throws(LedgerError) in try body(bytes) }
        }
        return try result.get()
    }
}

/// Runs `body`, which must throw, and gives what it threw.
func failure(_ body: () throws(LedgerError) -> Void) -> LedgerError? {
    do throws(LedgerError) {
        try body()
        return nil
    } catch { return error }
}

/// Changes the bytes of a closed file.
func edit(_ path: String, _ change: (inout [UInt8]) -> Void) throws {
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    change(&bytes)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}

extension [UInt8] {
    /// Where `pattern` begins, each time.
    func offsets(of pattern: [UInt8]) -> [Int] {
        guard count >= pattern.count else { return [] }
        return (0...(count - pattern.count)).filter { offset in
            self[offset] == pattern[0] && self[offset..<(offset + pattern.count)].elementsEqual(pattern)
        }
    }
}
