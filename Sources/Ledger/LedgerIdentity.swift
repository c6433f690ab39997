/// Which ledger this is, and in which layout; see Schema.swift.
struct LedgerIdentity: Equatable {
    static let bytes = 32
    /// "AVLEDGER" as a little-endian integer.
    private static let magic: UInt64 = 0x5245_4744_454C_5641

    var epoch: UInt64
    /// A backup not opened for writing yet: whoever opens it starts a new epoch.
    var isBackup = false
    /// Restored from a backup, and what was held at the ERPs since is not read back yet.
    var awaitsErps = false

    func encode(into record: UnsafeMutableRawBufferPointer) {
        unsafe record.setLittle(0, Self.magic)
        unsafe record.setLittle(8, Schema.version)
        unsafe record.setLittle(12, UInt32((isBackup ? 1 : 0) | (awaitsErps ? 2 : 0)))
        unsafe record.setLittle(16, epoch)
        unsafe record.setLittle(24, XXH64.hash(UnsafeRawBufferPointer(rebasing: record[..<24]), seed: 0))
    }

    init(epoch: UInt64, awaitsErps: Bool = false) {
        self.epoch = epoch
        self.awaitsErps = awaitsErps
    }

    /// The version is looked at before the checksum: another layout may have its checksum elsewhere.
    init(_ record: UnsafeRawBufferPointer) throws(LedgerError) {
        guard record.count >= 12, unsafe record.little(0, UInt64.self) == Self.magic else {
            throw .corrupt("the ledger's identity")
        }
        let version = unsafe record.little(8, UInt32.self)
        guard version == Schema.version else {
            throw .unknownSchemaVersion(found: version, supported: Schema.version)
        }
        guard record.count == Self.bytes,
            unsafe record.little(24, UInt64.self)
                == XXH64.hash(UnsafeRawBufferPointer(rebasing: record[..<24]), seed: 0)
        else { throw .corrupt("the ledger's identity") }
        unsafe isBackup = record.little(12, UInt32.self) & 1 != 0
        unsafe awaitsErps = record.little(12, UInt32.self) & 2 != 0
        unsafe epoch = record.little(16, UInt64.self)
    }
}
