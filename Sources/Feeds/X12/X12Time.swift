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
        guard let days = daysSince1970(date) else {
            throw segment.problem(told.date, "\(X12Text.shown(date)) is no date")
        }
        let time = segment.element(told.time)
        guard let ofDay = time.isEmpty ? 0 : nanosecondsOfDay(time) else {
            throw segment.problem(told.time, "\(X12Text.shown(time)) is no time of day")
        }
        let offset = try offsetMinutes(told, utcOffsetMinutes: utcOffsetMinutes)
        let seconds = days * 86_400 - Int64(offset) * 60
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: .perSecond)
        let (sum, carry) = scaled.addingReportingOverflow(ofDay)
        guard !overflow, !carry, sum > 0 else {
            throw segment.problem(told.date, "\(X12Text.shown(date)) is not between 1970 and 2262")
        }
        return sum
    }

    private static func daysSince1970(_ text: ArraySlice<UInt8>) -> Int64? {
        guard text.count == 8 || text.count == 6, let number = X12Text.number(text) else { return nil }
        let (month, day) = (number / 100 % 100, number % 100)
        // Of years with two digits the standard says nothing; none was written before 1970.
        let short = number / 10_000
        let year = text.count == 8 ? short : short + (short < 70 ? 2_000 : 1_900)
        guard year >= 1970, (1...12).contains(month), (1...daysInMonth(month, year)).contains(day) else { return nil }
        // Years that begin in March: the leap day is then a year's last (Hinnant, chrono-Compatible Low-Level Date
        // Algorithms).
        let shifted = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }

    private static func daysInMonth(_ month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func nanosecondsOfDay(_ text: ArraySlice<UInt8>) -> Int64? {
        guard [4, 6, 7, 8].contains(text.count), let number = X12Text.number(text) else { return nil }
        let digits = [Int64(1), 10, 100, 1_000, 10_000][8 - text.count]
        let hundredths = number * digits
        let (hour, minute) = (hundredths / 1_000_000, hundredths / 10_000 % 100)
        let second = hundredths / 100 % 100
        guard hour <= 23, minute <= 59, second <= 59 else { return nil }
        return (hour * 3_600 + minute * 60 + second) * .perSecond + hundredths % 100 * (.perSecond / 100)
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
