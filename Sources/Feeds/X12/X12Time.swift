internal import Inventory

/// Dates and times as X12 writes them: CCYYMMDD or YYMMDD (element 373), HHMM[SS[D[D]]] (element 337), and the codes of
/// time zones (element 623).
enum X12Time {
    /// What a time can be read from; `zone` is empty where the segment has none.
    struct Told {
        let segment: X12Segment
        let date: Int
        let time: Int
        var zone: Int?
    }

    /// Without a time of day the day's first moment: earlier than the figure, so that what moved since is not lost.
    static func nanoseconds(_ told: Told, utcOffsetMinutes: Int?) throws(X12Problem) -> WallNanoseconds {
        let (segment, date) = (told.segment, told.segment.element(told.date))
        guard let day = day(date), Timestamp.nanoseconds("\(day)T23:59:59Z") != nil else {
            throw segment.problem(told.date, "\(X12Text.shown(date)) is no date between 1970 and 2262")
        }
        let time = segment.element(told.time)
        guard let clock = clock(time), Timestamp.nanoseconds("2000-01-01T\(clock)Z") != nil else {
            throw segment.problem(told.time, "\(X12Text.shown(time)) is no time of day")
        }
        let offset = try Int64(offsetMinutes(told, utcOffsetMinutes: utcOffsetMinutes)) * 60 * .perSecond
        guard let local = Timestamp.nanoseconds("\(day)T\(clock)Z"), local > offset, local < .max - abs(offset) else {
            throw segment.problem(told.date, "\(X12Text.shown(date)) is no date between 1970 and 2262")
        }
        return local - offset
    }

    /// Such as `2024-02-29`.
    private static func day(_ digits: ArraySlice<UInt8>) -> String? {
        guard digits.count == 8 || digits.count == 6, digits.allSatisfy(X12Text.isDigit) else { return nil }
        // Of years with two digits the standard says nothing; none was written before 1970.
        let century = digits.count == 8 ? "" : digits[digits.startIndex] >= UInt8(ascii: "7") ? "19" : "20"
        let text = century + String(decoding: digits, as: UTF8.self)
        return "\(text.prefix(4))-\(text.dropFirst(4).prefix(2))-\(text.suffix(2))"
    }

    /// Such as `23:59:00.00`.
    private static func clock(_ digits: ArraySlice<UInt8>) -> String? {
        guard [0, 4, 6, 7, 8].contains(digits.count), digits.allSatisfy(X12Text.isDigit) else { return nil }
        let text = String(decoding: digits, as: UTF8.self) + String(repeating: "0", count: 8 - digits.count)
        let parts = [0, 2, 4, 6].map { text.dropFirst($0).prefix(2) }
        return "\(parts[0]):\(parts[1]):\(parts[2]).\(parts[3])"
    }

    /// East of Greenwich. `ET`, `CT`, `MT`, `PT` and `LT` may be either of two: they need the partner's offset.
    private static func offsetMinutes(_ told: Told, utcOffsetMinutes: Int?) throws(X12Problem) -> Int {
        guard let zone = told.zone, !told.segment.element(zone).isEmpty else { return utcOffsetMinutes ?? 0 }
        let code = String(decoding: told.segment.element(zone), as: UTF8.self)
        if let hours = hoursByCode[code] { return hours * 60 }
        // 01 to 12 stand for hours east, 13 to 24 for 12 down to 1 hours west.
        if code.utf8.count == 2, let number = X12Text.number(Array(code.utf8)), (1...24).contains(number) {
            return Int(number <= 12 ? number : number - 25) * 60
        }
        if let utcOffsetMinutes { return utcOffsetMinutes }
        throw told.segment.problem(
            zone, "\(X12Text.shown(Array(code.utf8))) names no one offset from UTC: the partner's utc_offset is needed")
    }

    private static let hoursByCode = [
        "UT": 0, "GM": 0, "AD": -3, "AS": -4, "ED": -4, "ES": -5, "CD": -5, "CS": -6, "MD": -6, "MS": -7, "PD": -7,
        "PS": -8, "HS": -10,
    ]
}
