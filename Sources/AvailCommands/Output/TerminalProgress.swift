/// One line on standard error that tells how far a command has come; nothing where that is no terminal.
struct TerminalProgress {
    private static let barCells: UInt64 = 24

    let label: String
    let unit: String
    /// How many there are to do; nil: nobody knows.
    var total: UInt64?
    private(set) var done: UInt64 = 0

    init(label: String, unit: String, total: UInt64? = nil) {
        self.label = label
        self.unit = unit
        self.total = total
    }

    mutating func add(_ count: Int) {
        done += UInt64(count)
        if Diagnostics.isTerminal { Diagnostics.write("\r\(line)\u{1B}[K", terminator: "") }
    }

    /// Removes the line, so that what is printed next starts on a clean one.
    func clear() {
        if Diagnostics.isTerminal, done > 0 { Diagnostics.write("\r\u{1B}[K", terminator: "") }
    }

    var line: String {
        guard let total, total > 0 else { return "\(label) \(done) \(unit)" }
        let filled = Int(min(Self.barCells, done * Self.barCells / total))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Int(Self.barCells) - filled)
        return "\(label) \(bar) \(min(100, done * 100 / total)) % \(done) of \(total) \(unit)"
    }
}
