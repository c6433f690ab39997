import Synchronization
import Testing

@testable import Catalogue

@Suite struct ProgressBarTests {
    @Test func `the line shows share, rows and pace`() {
        let progress = CatalogueProgress(bytesDone: 50, bytesTotal: 100, rows: 1_234_567, rowsPerSecond: 45_678.9)
        let line = Style(hasColor: false).line(label: "import", progress)
        #expect(line == "import ████████████░░░░░░░░░░░░  50 % 1,234,567 rows, 45,678 rows/s")
        #expect(Style(hasColor: true).line(label: "import", progress).contains("\u{1B}[32m"))
    }

    @Test func `without a known end there is no bar`() {
        let line = Style(hasColor: true).line(label: "import", CatalogueProgress(bytesDone: 5, rows: 7))
        #expect(line == "import 7 rows, 0 rows/s")
    }

    @Test(arguments: [(UInt64(0), "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")])
    func `digits are grouped in threes`(number: UInt64, text: String) {
        #expect(Style.grouped(number) == text)
    }

    @Test func `nothing is drawn where it would not be seen`() {
        let written = Mutex<[String]>([])
        let silent = ProgressBar(label: "x", isDrawing: false, style: Style(hasColor: false)) { text in
            written.withLock { $0.append(text) }
        }
        silent.update(CatalogueProgress(rows: 1))
        silent.clear()
        #expect(written.withLock { $0 } == [])
    }

    @Test func `drawing is bounded in pace, and cleared once`() {
        let written = Mutex<[String]>([])
        let bar = ProgressBar(label: "x", isDrawing: true, style: Style(hasColor: false)) { text in
            written.withLock { $0.append(text) }
        }
        bar.update(CatalogueProgress(rows: 1))
        bar.clear()
        bar.clear()
        #expect(written.withLock { $0 } == ["\rx 1 rows, 0 rows/s\u{1B}[K", "\r\u{1B}[K"])
    }
}
