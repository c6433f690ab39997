internal import Inventory
internal import Records

/// Positions as lines of text.
struct PositionWriter {
    let format: PositionFormat

    /// What a file begins with; empty for JSON lines.
    var header: [UInt8] {
        switch format {
        case .csv: Array((PositionColumn.written.map(\.name).joined(separator: ",") + "\r\n").utf8)
        case .jsonLines: []
        }
    }

    /// One position with its line break. A time that never was stays empty.
    func line(_ exported: ExportedPosition) -> [UInt8] {
        let authoritative = exported.position.authoritativeTimeNanoseconds
        let time = authoritative > 0 ? Timestamp.text(authoritative) : nil
        var line: [UInt8] = []
        line.reserveCapacity(256)
        for (index, column) in PositionColumn.written.enumerated() {
            appendName(of: column, isFirst: index == 0, to: &line)
            switch column {
            case .sku: appendText(exported.sku, to: &line)
            case .location: appendText(exported.location, to: &line)
            case .bucket(let bucket): line.append(contentsOf: String(exported.position.buckets[bucket]).utf8)
            case .occurredAt:
                if let time {
                    appendText(time, to: &line)
                } else if format == .jsonLines {
                    line.append(contentsOf: "null".utf8)
                }
            }
        }
        line.append(contentsOf: (format == .csv ? "\r\n" : "}\n").utf8)
        return line
    }

    private func appendName(of column: PositionColumn, isFirst: Bool, to line: inout [UInt8]) {
        switch format {
        case .csv:
            if !isFirst { line.append(UInt8(ascii: ",")) }
        case .jsonLines:
            line.append(contentsOf: (isFirst ? "{\"" : ",\"").utf8)
            line.append(contentsOf: column.name.utf8)
            line.append(contentsOf: "\":".utf8)
        }
    }

    private func appendText(_ text: String, to line: inout [UInt8]) {
        switch format {
        case .csv: appendField(text, to: &line)
        case .jsonLines: appendString(text, to: &line)
        }
    }

    /// RFC 4180, section 2.5 to 2.7. Blanks at an end are quoted too, since some programs drop them.
    private func appendField(_ text: String, to line: inout [UInt8]) {
        let isPlain = text.utf8.allSatisfy { ![0x0A, 0x0D, UInt8(ascii: ","), UInt8(ascii: "\"")].contains($0) }
        if isPlain && text.utf8.first != 0x20 && text.utf8.last != 0x20 {
            line.append(contentsOf: text.utf8)
            return
        }
        line.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") { line.append(byte) }
            line.append(byte)
        }
        line.append(UInt8(ascii: "\""))
    }

    /// RFC 8259, section 7.
    private func appendString(_ text: String, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte < 0x20 {
                let digits = String(byte, radix: 16)
                line.append(contentsOf: ("\\u00" + (digits.utf8.count == 1 ? "0" : "") + digits).utf8)
                continue
            }
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { line.append(UInt8(ascii: "\\")) }
            line.append(byte)
        }
        line.append(UInt8(ascii: "\""))
    }
}
