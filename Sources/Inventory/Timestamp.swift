/// Times as RFC 3339 writes them, between 1970 and 2262.
public enum Timestamp {
    /// Nil when it is not such a time, or not after 1970 began: 0 stands for "never".
    public static func nanoseconds(_ text: ArraySlice<UInt8>) -> WallNanoseconds? {
        var scanner = TimestampScanner(rest: text)
        guard let year = scanner.number(digits: 4), scanner.take("-"),
            let month = scanner.number(digits: 2), scanner.take("-"),
            let day = scanner.number(digits: 2), scanner.take("T") || scanner.take("t") || scanner.take(" "),
            let hour = scanner.number(digits: 2), scanner.take(":"),
            let minute = scanner.number(digits: 2), scanner.take(":"),
            let second = scanner.number(digits: 2),
            let fraction = scanner.fractionNanoseconds(), let offset = scanner.offsetSeconds(), scanner.rest.isEmpty,
            (1...12).contains(month), (1...daysInMonth(month, year: year)).contains(day),
            hour <= 23, minute <= 59, second <= 60
        else { return nil }
        // A leap second (RFC 3339, section 5.7) is the one after it: Unix time has no room for it.
        let seconds = daysSince1970(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
        let (scaled, overflow) = (seconds - offset).multipliedReportingOverflow(by: WallNanoseconds.perSecond)
        let (result, carry) = scaled.addingReportingOverflow(fraction)
        return overflow || carry || result <= 0 ? nil : result
    }

    /// As `nanoseconds` of the text's bytes.
    public static func nanoseconds(_ text: String) -> WallNanoseconds? { nanoseconds(Array(text.utf8)[...]) }

    /// In UTC, with as many digits of the second as are needed, in steps of three.
    public static func text(_ nanoseconds: WallNanoseconds) -> String {
        let seconds = nanoseconds / WallNanoseconds.perSecond
        let date = date(daysSince1970: seconds / 86_400)
        let ofDay = seconds % 86_400
        var text = "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
        text += "T\(padded(ofDay / 3_600, 2)):\(padded(ofDay / 60 % 60, 2)):\(padded(ofDay % 60, 2))"
        let fraction = nanoseconds % WallNanoseconds.perSecond
        if fraction % 1_000 != 0 {
            text += "." + padded(fraction, 9)
        } else if fraction % 1_000_000 != 0 {
            text += "." + padded(fraction / 1_000, 6)
        } else if fraction != 0 {
            text += "." + padded(fraction / 1_000_000, 3)
        }
        return text + "Z"
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    private static func daysInMonth(_ month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    // Years that begin in March, in eras of 400 years: the leap day is then a year's last (Hinnant, chrono-Compatible
    // Low-Level Date Algorithms).

    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }
}

/// The pieces of a time.
private struct TimestampScanner {
    var rest: ArraySlice<UInt8>

    private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: scalar) else { return false }
        rest.removeFirst()
        return true
    }

    mutating func number(digits: Int) -> Int64? {
        guard rest.count >= digits, rest.prefix(digits).allSatisfy(isDigit) else { return nil }
        let value = rest.prefix(digits).reduce(Int64(0)) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        rest.removeFirst(digits)
        return value
    }

    /// 0 without a fraction; digits beyond the ninth are dropped.
    mutating func fractionNanoseconds() -> Int64? {
        guard take(".") else { return 0 }
        let digits = rest.prefix(while: isDigit)
        guard !digits.isEmpty else { return nil }
        rest.removeFirst(digits.count)
        var value: Int64 = 0
        for index in 0..<9 {
            let digit = index < digits.count ? digits[digits.startIndex + index] - UInt8(ascii: "0") : 0
            value = value * 10 + Int64(digit)
        }
        return value
    }

    mutating func offsetSeconds() -> Int64? {
        if take("Z") || take("z") { return 0 }
        let isEast = rest.first == UInt8(ascii: "+")
        guard take("+") || take("-"), let hours = number(digits: 2), take(":"), let minutes = number(digits: 2),
            hours <= 23, minutes <= 59
        else { return nil }
        return (hours * 3_600 + minutes * 60) * (isEast ? 1 : -1)
    }
}
