internal import Inventory
internal import Synchronization

/// The writer's own account of the table's memory. Only under the table's lock.
struct HotTableWriter: Sendable {
    static let slotsMin = 1 << 10
    private static let lineBytes = HotRow.wordsPerLine * 8

    let bytesMax: Int
    private(set) var skus = 0
    private(set) var positions = 0
    private var slots = HotTableWriter.slotsMin
    /// Lines ever given out; a row's place is given back to `free` and used again for a row of as many lines.
    private var linesUsed = 0
    private var free = [[UInt32]](repeating: [], count: HotRow.linesMax + 1)
    /// A sku or a position had no room. Not found then no longer means new.
    private(set) var isFull = false
    /// The greatest sku that was loaded; nil when all were.
    private var loadedThrough: [UInt8]? = []

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    var bytes: Int { linesUsed * Self.lineBytes + slots * 8 }

    /// Enough slots for as many skus as rows could have room.
    static func slotsMax(bytesMax: Int) -> Int {
        var slots = slotsMin
        while slots * 8 * 2 <= bytesMax { slots *= 2 }
        return slots
    }

    /// Takes over one changed position of one sku.
    mutating func apply(_ change: HotTable.Change, to table: HotTable) {
        var sku = change.sku
        sku.withUTF8 { bytes in
            unsafe apply(UnsafeRawBufferPointer(bytes), change.location, change.figures, to: table)
        }
    }

    private mutating func apply(
        _ bytes: UnsafeRawBufferPointer, _ location: LocationNumber, _ figures: StockFigures, to table: HotTable
    ) {
        let sku = unsafe SkuWords(bytes)
        let hash = table.hash(sku)
        guard let slot = slot(of: sku, hash: hash, in: table) else {
            // Not here: a new sku, unless the loader has yet to come to it or it was left out.
            guard !isFull, unsafe isLoaded(bytes) else { return }
            return put(sku, [(location, figures)], in: table)
        }
        let first = HotTable.firstWord(of: table.index[slot])
        let header = HotRowHeader(rawValue: table.rows[first])
        if header.asksLedger { return }
        guard let words = HotRow.encode(location, figures) else { return askLedger(first, header, table) }
        let start = first + 1 + sku.count
        for place in 0..<header.locations {
            let word = start + place * HotRow.wordsPerLocation
            guard HotRow.location(of: table.rows[word + 1]) == location else { continue }
            return store(words, at: word, table)
        }
        add(words, toRowAt: first, header, skuWords: sku.count, slot: slot, table)
    }

    /// Puts a whole new sku in. Without rows, or with too many or too large ones, it stands for the ledger.
    mutating func put(_ sku: SkuWords, _ rows: [(LocationNumber, StockFigures)], in table: HotTable) {
        let hash = table.hash(sku)
        precondition(slot(of: sku, hash: hash, in: table) == nil, "a sku is put in once")
        let words = rows.compactMap { HotRow.encode($0.0, $0.1) }
        let fits = !rows.isEmpty && words.count == rows.count && words.count <= HotRow.locationsMax
        let header = HotRowHeader(
            hash: hash, locations: fits ? words.count : 0, skuBytes: sku.byteCount, asksLedger: !fits)
        let lines = HotRow.lines(locations: header.locations, skuWords: sku.count)
        guard reserveSlot(table), let line = takeLines(lines) else { return leaveOut(table) }
        let first = Int(line) * HotRow.wordsPerLine
        table.rows[first] = header.rawValue
        var place = first
        _ = sku.allSatisfy { word in
            place += 1
            table.rows[place] = word
            return true
        }
        if fits {
            for (place, location) in words.enumerated() {
                store(location, at: first + 1 + sku.count + place * HotRow.wordsPerLocation, table)
            }
        }
        insert(UInt64(hash) << 32 | UInt64(line + 1), table)
        skus += 1
        positions += header.locations
    }

    /// All skus up to and including this one are loaded.
    mutating func loaded(through sku: [UInt8]) { loadedThrough = sku }

    mutating func loadedAll() { loadedThrough = nil }

    private func isLoaded(_ sku: UnsafeRawBufferPointer) -> Bool {
        guard let loadedThrough else { return true }
        return unsafe !loadedThrough.lexicographicallyPrecedes(sku)
    }
}

// Rows.
extension HotTableWriter {
    private func store(_ words: (UInt64, UInt64, UInt64), at word: Int, _ table: HotTable) {
        table.rows[word] = words.0
        table.rows[word + 1] = words.1
        table.rows[word + 2] = words.2
    }

    /// The sku got a location: its row moves when its lines are full.
    private mutating func add(
        _ words: (UInt64, UInt64, UInt64), toRowAt first: Int, _ header: HotRowHeader, skuWords: Int, slot: Int,
        _ table: HotTable
    ) {
        let count = header.locations
        guard count < HotRow.locationsMax else { return askLedger(first, header, table) }
        let grown = HotRowHeader(
            hash: header.hash, locations: count + 1, skuBytes: header.skuBytes, asksLedger: false)
        let used = 1 + skuWords + count * HotRow.wordsPerLocation
        let before = HotRow.lines(locations: count, skuWords: skuWords)
        let after = HotRow.lines(locations: count + 1, skuWords: skuWords)
        var place = first
        if after > before {
            guard let line = takeLines(after) else {
                leaveOut(table)
                return askLedger(first, header, table)
            }
            place = Int(line) * HotRow.wordsPerLine
            for word in 0..<used { table.rows[place + word] = table.rows[first + word] }
            table.index[slot] = UInt64(header.hash) << 32 | UInt64(line + 1)
            free[before].append(UInt32(first / HotRow.wordsPerLine))
        }
        store(words, at: place + used, table)
        table.rows[place] = grown.rawValue
        positions += 1
    }

    /// The row stays, as a sign that the sku is known, and its figures are the ledger's to tell.
    private mutating func askLedger(_ first: Int, _ header: HotRowHeader, _ table: HotTable) {
        let emptied = HotRowHeader(hash: header.hash, locations: 0, skuBytes: header.skuBytes, asksLedger: true)
        table.rows[first] = emptied.rawValue
        positions -= header.locations
    }

    private mutating func leaveOut(_ table: HotTable) {
        isFull = true
        table.becomePartial()
    }

    private mutating func takeLines(_ count: Int) -> UInt32? {
        if let line = free[count].popLast() { return line }
        guard bytes + count * Self.lineBytes <= bytesMax else { return nil }
        defer { linesUsed += count }
        return UInt32(linesUsed)
    }
}

// The index: open addressing, linear probing.
extension HotTableWriter {
    private func slot(of sku: SkuWords, hash: UInt32, in table: HotTable) -> Int? {
        var slot = Int(hash) & (slots - 1)
        while true {
            let word = table.index[slot]
            if word == 0 { return nil }
            if UInt32(truncatingIfNeeded: word >> 32) == hash,
                table.header(at: HotTable.firstWord(of: word), of: sku) != nil
            {
                return slot
            }
            slot = (slot + 1) & (slots - 1)
        }
    }

    private func insert(_ word: UInt64, _ table: HotTable) {
        var slot = Int(word >> 32) & (slots - 1)
        while table.index[slot] != 0 { slot = (slot + 1) & (slots - 1) }
        table.index[slot] = word
    }

    /// Makes sure that one more sku leaves the index at most 6/10 full. False when there is no room for a larger one.
    private mutating func reserveSlot(_ table: HotTable) -> Bool {
        if (skus + 1) * 10 <= slots * 6 { return true }
        guard bytes + slots * 8 <= bytesMax, slots * 2 <= table.index.count else { return false }
        resize(to: slots * 2, table)
        return true
    }

    /// Slots for as many skus as will surely come, so that the index need not grow under way.
    mutating func reserve(skus expected: Int, _ table: HotTable) {
        var wanted = slots
        while expected * 10 > wanted * 6 { wanted *= 2 }
        guard wanted > slots, wanted <= table.index.count,
            linesUsed * Self.lineBytes + wanted * 8 + expected * Self.lineBytes <= bytesMax
        else { return }
        resize(to: wanted, table)
    }

    private mutating func resize(to wanted: Int, _ table: HotTable) {
        let words = (0..<slots).map { table.index[$0] }.filter { $0 != 0 }
        table.index.clear(first: slots)
        slots = wanted
        for word in words { insert(word, table) }
        table.slotMask.store(UInt64(wanted - 1), ordering: .relaxed)
    }
}
