/// Which lines of a watch may have changed since they were told: a bit each, however often they change.
struct DirtyLines {
    private var words: [UInt64] = []
    private(set) var count = 0
    /// No line below this one's word is dirty.
    private var firstWord = 0

    var isEmpty: Bool { count == 0 }

    /// Makes room for lines 0 to `lineCount` - 1; new ones are clean.
    mutating func grow(to lineCount: Int) {
        let needed = (lineCount + 63) / 64
        if needed > words.count { words.append(contentsOf: repeatElement(0, count: needed - words.count)) }
    }

    /// Marks a line. False when it was dirty already.
    mutating func insert(_ line: Int) -> Bool {
        let bit: UInt64 = 1 << UInt64(line % 64)
        guard words[line / 64] & bit == 0 else { return false }
        words[line / 64] |= bit
        count += 1
        firstWord = min(firstWord, line / 64)
        return true
    }

    func contains(_ line: Int) -> Bool { words[line / 64] & (1 << UInt64(line % 64)) != 0 }

    mutating func remove(_ line: Int) {
        let bit: UInt64 = 1 << UInt64(line % 64)
        guard words[line / 64] & bit != 0 else { return }
        words[line / 64] &= ~bit
        count -= 1
    }

    /// Takes up to `most` dirty lines out, the lowest first.
    mutating func take(most: Int, _ body: (Int) -> Void) {
        var taken = 0
        while taken < most, count > 0 {
            let word = words[firstWord]
            guard word != 0 else {
                firstWord += 1
                continue
            }
            let line = firstWord * 64 + word.trailingZeroBitCount
            words[firstWord] = word & (word - 1)
            count -= 1
            taken += 1
            body(line)
        }
        if count == 0 { firstWord = 0 }
    }
}
