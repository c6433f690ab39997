internal import Glibc
internal import Synchronization

/// One line on the terminal that shows how far a task has come. Draws on standard error, and only when that is a
/// terminal that can go back to the line's start; else it writes nothing. NO_COLOR is respected. Any thread.
public final class ProgressBar: Sendable {
    private struct State {
        var lastDrawNanoseconds: Int64 = .min
        var hasDrawn = false
    }

    /// At most ten times a second.
    private static let drawIntervalNanoseconds: Int64 = 100_000_000

    private let label: String
    private let isDrawing: Bool
    private let style: Style
    private let write: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// `label` says what is being done, for example `import`.
    public convenience init(label: String) {
        let terminal = getenv("TERM").map { String(cString: $0) } ?? ""
        let hasColor = getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
        self.init(
            label: label, isDrawing: isatty(STDERR_FILENO) == 1 && !terminal.isEmpty && terminal != "dumb",
            style: Style(hasColor: hasColor), write: writeToStandardError)
    }

    init(label: String, isDrawing: Bool, style: Style, write: @escaping @Sendable (String) -> Void) {
        self.label = label
        self.isDrawing = isDrawing
        self.style = style
        self.write = write
    }

    /// Draws, unless the last drawing was only just now.
    public func update(_ progress: CatalogueProgress) {
        guard isDrawing else { return }
        let now = monotonicNanoseconds()
        state.withLock { state in
            if state.hasDrawn && now - state.lastDrawNanoseconds < Self.drawIntervalNanoseconds { return }
            state.lastDrawNanoseconds = now
            state.hasDrawn = true
            write("\r" + style.line(label: label, progress) + "\u{1B}[K")
        }
    }

    /// Removes the line, so that what is printed next starts on a clean one.
    public func clear() {
        state.withLock { state in
            if state.hasDrawn { write("\r\u{1B}[K") }
            state.hasDrawn = false
        }
    }
}

/// How the line looks; never longer than 79 columns.
struct Style {
    private static let barCells = 24
    var hasColor: Bool

    func line(label: String, _ progress: CatalogueProgress) -> String {
        var line = "\(label.prefix(16)) "
        if let fraction = progress.fraction {
            let filled = Int(fraction * Double(Self.barCells))
            let bar = String(repeating: "█", count: filled)
            let rest = String(repeating: "░", count: Self.barCells - filled)
            let percent = String(Int(fraction * 100))
            line += hasColor ? "\u{1B}[32m\(bar)\u{1B}[0m\(rest)" : bar + rest
            line += String(repeating: " ", count: 4 - percent.utf8.count) + percent + " % "
        }
        return line + "\(Self.grouped(progress.rows)) rows, \(Self.grouped(UInt64(progress.rowsPerSecond))) rows/s"
    }

    /// Digits in threes, as in 1,000,000.
    static func grouped(_ number: UInt64) -> String {
        let digits = Array(String(number))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }
}

private func writeToStandardError(_ text: String) {
    let bytes = Array(text.utf8)
    // What a terminal does not take is not worth waiting for.
    _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
