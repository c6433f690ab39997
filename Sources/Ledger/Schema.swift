// The layout of the ledger on disk, byte by byte. A change of anything here needs a new `Schema.version`. Version 7 is not
// released yet: until it is it may change as it stands, and a store of another day's build of it is refused as damaged.
//
// Integers in keys are big-endian, so that LMDB's byte order is theirs; integers in values are little-endian.
// Every value starts with the same 16 bytes (`RecordHeader`):
//
//   0      u8   record version, 1
//   1      u8   small field of the record: the outcome of an event id, else 0
//   2      u16  small field of the record: see below, else 0
//   4      u32  0
//   8      u64  checksum: XXH64 of bytes 16…, seeded with XXH64 of the key, seeded with bytes 0–7 as an integer.
//               So a record that lies under another's key is as wrong as one with a flipped bit.
//
// meta              "identity"                   header is not used: "AVLEDGER" | schema version u32 | flags u32
//                                                | epoch u64 | XXH64 of the 24 bytes before, seed 0
//                                                flags bit 0: a backup that was not opened for writing yet;
//                                                bit 1: restored, and the ERPs were not read back yet
//                   "state"                      16 sequence u64 | 24 ledger time i64 | 32 positions u64
//                                                | 40 journal entries u64 | 48 dead letters u64 | 56 audit entries u64
//                                                | 64 reservations u64 | 72 open reservations u64 | 80 holds u64
//                                                | 88 request ids u64 | 96 changes pruned through u64
//                                                | 104 short positions u64 | 112 references u64 | 120 variances u64
//                                                | 128 number of the newest variance u64 | 136 supplies u64
//                                                | 144 lots u64 | 152 bytes of dead letters' records u64
//                                                journal entries: those of positions and those of lots
//                   "figures" tenant u16         2 running u16 | 16 beside u64: whose rows are the tenant's figures.
//                                                Absent: the tenant's own. Of positions, holds, lots, journals, event-ids,
//                                                references and supplies the first two bytes are such a number;
//                                                `names` gives it as it gives tenants theirs
// positions         tenant u16 | sku | 0 | location u16   no sku has a zero byte: its rows lie together
//                                                1 flags u8 (1: split by lot; of a lot 2: allocated is told of it;
//                                                4: an ERP's reading, which knows no lots)
//                                                | 2 authoritative source u16 | 16 sequence u64
//                                                | 24 authoritative time i64 | 32 next expiry i64
//                                                | 40 newest primary i64 | 48 pruned through primary i64
//                                                | 56 ten buckets i64 in the order of `Bucket`
//                                                | 136 newest absolute primary i64
//                                                | 144 for each channel that holds: number u16, units i64;
//                                                before them, under number 0, what is contained, unless that is 0
// journal           a position's key, then primary i64 with its sign bit flipped | is absolute u8
//                   | source digest u64 | event id
//                                                2 touched buckets u16 | 16 i64 for each touched bucket in order
//                   tenant u16 | sku | 1 | location u16 | expiry i64 (its greatest value: never) | reservation u64
//                                                | line u32
//                                                2 channel u16 | 16 open i64 | 24 contained i64 | 32 lot
//                                                A row for each line that is open, contained or has work at an ERP:
//                                                beside its position, since both change with every hold.
// lots              tenant u16 | sku | 0 | location u16 | lot       a lot's part of a position: as a position's record, without
//                                                what the channels hold of it. The position's own record is the whole
// lot-journal       a lot's key | 0, then as in the journal
// reservations      tenant u16 | number u64      see ReservationRecord
// unsettled         tenant u16 | number u64      no more: the reservations that have rows beside a position
// references        tenant u16 | sku | 0 | location u16 | kind u8 | lot | 0 | reference
//                                                16 folded through i64 | 24 folded units i64
//                                                | 32 touched i64 | 40 for each event: occurred at i64 | primary i64 | source digest u64
//                                                | units i64 | effect i64 | flags u8 (1: opens, 2: fixed, 4: may stand alone,
//                                                8: of a hold, 16: in the name of ours, 32: of a lost one, 64: of open ones)
//                                                | id bytes u8 | id | with flag 64 count u8 | number u64 of each open hold
// variances         tenant u16 | number u64      16 JSON with sorted keys; numbers count all tenants' variances from 1
// open-variances    tenant u16 | sku | 0 | location u16 | bucket u8
//                                                16 number u64: of a comparison, and nobody has decided it
// supplies          tenant u16 | sku | 0 | location u16 | supply id
//                                                1 flags u8 (1: told of, 2: cancelled) | 16 quantity i64 | 24 expected at i64
//                                                | 32 backordered i64 | 40 occurred at i64 | 48 source digest u64
//                                                | 56 folded through i64 | 64 folded units i64 | 72 event id bytes u8
//                                                | 73 event id | for each receipt: occurred at i64 | primary i64
//                                                | source digest u64 | units i64 | effect i64
//                                                | flags u8 (1: may lower incoming, 2: fixed) | id bytes u8 | id
// request-ids       tenant u16 | channel u16 | method u8 | request id
//                                                16 reservation u64 | 24 body digest u64 | 32 ledger time i64
// changes           tenant u16 | sequence u64    1 cause u8 | 2 channel u16 | 16 reservation u64 | 24 ledger time i64
//                                                or of a position: 1 zero u8 | 2 location u16 | 16 shortfall i64
//                                                | 24 ledger time i64 | 32 sku
// event-ids         tenant u16 | source u16 | id  1 outcome u8 | 16 occurred at i64 | 24 body digest u64
//                                                | 32 sequence u64
// documents         tenant u16 | kind u8 | id    16 JSON with sorted keys
// names             kind u8 | tenant u16 | 0 | name            2 number u16
//                   kind u8 | tenant u16 | 1 | number u16      16 name
// pending-sequences tenant u16 | source u16 | sequence u64     16 occurred at i64 | 24 received at i64
// audit             tenant u16 | number u64      16 JSON with sorted keys; numbers count all tenants' entries from 1
// dead-letters      tenant u16 | sequence u64    of its first coming: the oldest lies first
//                                                1 content type u8 | 16 digest 16 bytes | 32 first time i64
//                                                | 40 last time i64 | 48 attempts u32 | 52 reason bytes u16
//                                                | 54 source bytes u16 | 56 event id bytes u16 | 58 sku bytes u16
//                                                | 60 feed bytes u16
//                                                | 62 reason | source | event id | sku | feed | original bytes
// dead-letter-ids   tenant u16 | digest 16 bytes 16 sequence u64

/// What the layout above is called.
public enum Schema {
    /// The only layout this build reads and writes.
    public static let version: UInt32 = 7
    static let recordVersion: UInt8 = 1
    static let identityKey: StaticString = "identity"
    static let stateKey: StaticString = "state"
    static let figuresKey: StaticString = "figures"
    /// sku, event id, request id: the longest text in a key, in bytes. LMDB allows keys of 511 bytes.
    public static let keyTextBytesMax = 64
}

/// The trees of the ledger. Journals have one of their own: what readers look for lies closer together without them.
public enum Tree: Int, Sendable, CaseIterable {
    case meta, positions, journal, eventIDs, documents, names, pendingSequences, audit, deadLetters
    case unsettled, reservations, requestIDs, changes, references, supplies
    case deadLetterIDs, variances, openVariances, lots, lotJournal

    public var name: String {
        switch self {
        case .meta: "meta"
        case .positions: "positions"
        case .journal: "journal"
        case .eventIDs: "event-ids"
        case .documents: "documents"
        case .names: "names"
        case .pendingSequences: "pending-sequences"
        case .audit: "audit"
        case .deadLetters: "dead-letters"
        case .deadLetterIDs: "dead-letter-ids"
        case .unsettled: "unsettled"
        case .reservations: "reservations"
        case .requestIDs: "request-ids"
        case .changes: "changes"
        case .references: "references"
        case .variances: "variances"
        case .openVariances: "open-variances"
        case .supplies: "supplies"
        case .lots: "lots"
        case .lotJournal: "lot-journal"
        }
    }
}
