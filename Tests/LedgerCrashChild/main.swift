// A process that the crash tests start and kill.
//
//   LedgerCrashChild crash DIRECTORY FAILPOINT HIT   commits batches for ever, printing each sequence once it is
//                                                    durable; kills itself when FAILPOINT is reached the HITth time
//   LedgerCrashChild hold DIRECTORY                  opens the ledger, prints "open", waits until its input ends
import Glibc
import Inventory
import Ledger
import Synchronization

func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(1, bytes, bytes.count)
}

/// Batch number `sequence` touches three locations of one sku, so that half a batch would show.
func commitBatch(to ledger: Ledger) throws(LedgerError) -> UInt64 {
    var batch = try ledger.beginBatch()
    let sequence = batch.nextSequence()
    let sku = "sku-\(sequence % 7)"
    for location in LocationNumber(1)...3 {
        var position = try batch.position(tenant: 1, sku: sku, location: location) ?? Position()
        position.buckets[.onHand] = Int64(sequence)
        position.sequence = sequence
        try batch.setPosition(position, tenant: 1, sku: sku, location: location)
        let key = OrderKey(primary: Int64(sequence), isAbsolute: false, source: 1, id: "event-\(sequence)")
        let effect = StockEffect(isAbsolute: false, touched: BucketSet(.onHand), values: position.buckets)
        try batch.setJournalEntry(
            JournalEntry(key: key, effect: effect), tenant: 1, sku: sku, location: location)
        _ = try batch.pruneJournal(
            tenant: 1, sku: sku, location: location, through: Int64(sequence) - 70, limit: 4)
    }
    let event = EventRecord(
        occurredAtNanoseconds: Int64(sequence), bodyDigest: sequence, outcome: 1, sequence: sequence)
    try batch.setEvent(event, tenant: 1, source: 1, id: "event-\(sequence)")
    try batch.setDocument(sequence, tenant: 1, kind: .sourceProgress, id: "last")
    try batch.appendAudit("batch \(sequence)", tenant: 1)
    return try batch.commit()
}

let arguments = CommandLine.arguments
guard arguments.count >= 3 else {
    say("usage: LedgerCrashChild crash|hold DIRECTORY …")
    exit(64)
}
var options = LedgerOptions()
options.mapBytes = 1 << 28
do {
    switch arguments[1] {
    case "crash" where arguments.count == 5:
        let hitMax = Int(arguments[4]) ?? 1
        let chosen = Failpoint(rawValue: arguments[3])
        let hits = Atomic<Int>(0)
        options.failpoint = { failpoint in
            guard failpoint == chosen else { return }
            if hits.add(1, ordering: .relaxed).newValue == hitMax { kill(getpid(), SIGKILL) }
        }
        let ledger = try Ledger(directory: arguments[2], options: options)
        while true {
            let sequence = try commitBatch(to: ledger)
            ledger.reached(.beforeReply)
            say("\(sequence)")
        }
    default:
        let ledger = try Ledger(directory: arguments[2], options: options)
        say("open")
        while getchar() != EOF {}
        withExtendedLifetime(ledger) {}
    }
} catch {
    say("\(error)")
    exit(1)
}
