/// The quantities people write in the file. Each reader returns nil for what it does not understand.
enum Quantities {
    static let durationExpected = "a duration such as 500ms, 30s, 5m, 1h or 7d"
    static let sizeExpected = "a size such as 65536, 64MiB or 1TiB"

    private static let durationUnits: [(String, Int64)] = [
        ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ]
    private static let sizeUnits: [(String, Int64)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("B", 1),
    ]

    /// Nanoseconds; 0 needs no unit.
    static func duration(_ text: String) -> Int64? {
        text == "0" ? 0 : scaled(text, units: durationUnits)
    }

    /// Bytes; a number alone counts bytes.
    static func size(_ text: String) -> Int64? {
        count(text) ?? scaled(text, units: sizeUnits)
    }

    /// A whole number, 0 or more; `_` may group its digits.
    static func count(_ text: String) -> Int64? {
        guard text.utf8.first.map({ $0 != UInt8(ascii: "_") }) == true,
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_") })
        else { return nil }
        return Int64(text.filter { $0 != "_" })
    }

    /// `5%` is 5; 0 to 100.
    static func percent(_ text: String) -> Int? {
        guard text.hasSuffix("%"), let number = count(String(text.dropLast())), number <= 100 else { return nil }
        return Int(number)
    }

    static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on", "1": true
        case "false", "no", "off", "0": false
        default: nil
        }
    }

    /// A name in the contract's alphabet: printable UTF-8 of 1 to `bytesMax` bytes.
    static func identifier(_ text: String, bytesMax: Int = 32) -> String? {
        let isPrintable = text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        return !text.isEmpty && text.utf8.count <= bytesMax && isPrintable ? text : nil
    }

    private static func scaled(_ text: String, units: [(String, Int64)]) -> Int64? {
        for (suffix, factor) in units where text.hasSuffix(suffix) {
            guard let number = count(String(text.dropLast(suffix.count))) else { continue }
            let (product, overflow) = number.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
        return nil
    }
}
