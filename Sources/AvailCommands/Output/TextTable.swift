/// A table for people: columns as wide as their widest cell, two spaces apart.
struct TextTable {
    enum Alignment {
        case left, right
    }

    private let titles: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    init(_ columns: [(title: String, alignment: Alignment)]) {
        titles = columns.map(\.title)
        alignments = columns.map(\.alignment)
    }

    /// Columns all aligned left.
    init(_ titles: [String]) {
        self.init(titles.map { ($0, .left) })
    }

    /// Whether it has its titles only.
    var isEmpty: Bool { rows.isEmpty }

    mutating func add(_ row: [String]) {
        precondition(row.count == titles.count)
        rows.append(row.map(Self.printable))
    }

    /// The title line, then a line for each row. `emphasis` wraps the title line.
    func lines(emphasis: (String) -> String = { $0 }) -> [String] {
        let widths = titles.indices.map { column in
            max(titles[column].count, rows.map { $0[column].count }.max() ?? 0)
        }
        return [emphasis(line(titles, widths))] + rows.map { line($0, widths) }
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var text = ""
        for (column, cell) in cells.enumerated() {
            let padding = String(repeating: " ", count: widths[column] - cell.count)
            if column > 0 { text += "  " }
            text += alignments[column] == .right ? padding + cell : cell + padding
        }
        while text.last == " " { text.removeLast() }
        return text
    }

    /// Control characters become `?`: what a server sent must not steer the terminal.
    static func printable(_ text: String) -> String {
        var printable = ""
        for scalar in text.unicodeScalars {
            printable.unicodeScalars.append(scalar.properties.generalCategory == .control ? "?" : scalar)
        }
        return printable
    }
}
