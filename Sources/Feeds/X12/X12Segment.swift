internal import Inventory

/// One segment: its id and its elements, as they came.
public struct X12Segment: Sendable {
    public let place: X12Place
    /// Its bytes in the file, with the terminator.
    public let range: Range<Int>
    /// The first is the id.
    let elements: [ArraySlice<UInt8>]
    let separators: X12Separators

    public var id: String { place.id }

    /// The element by its number in the standard, such as 2 of `QTY02`; without trailing spaces, and empty where absent.
    func element(_ number: Int) -> ArraySlice<UInt8> {
        guard number < elements.count else { return [] }
        return elements[number].withoutTrailingSpaces
    }

    /// Of a composite or repeated element the first value.
    func first(_ number: Int) -> ArraySlice<UInt8> {
        let whole = element(number)
        let end = whole.firstIndex { $0 == separators.component || $0 == separators.repetition } ?? whole.endIndex
        return whole[..<end].withoutTrailingSpaces
    }

    func has(_ number: Int, _ code: String) -> Bool {
        element(number).elementsEqual(code.utf8)
    }

    /// A text to go by; refuses what is no UTF-8 and what has several values.
    func text(_ number: Int) throws(X12Problem) -> String {
        let bytes = element(number)
        if let repetition = separators.repetition, bytes.contains(repetition) {
            throw problem(number, "has several values")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw problem(number, "must be UTF-8")
        }
        return text
    }

    /// Whole units. Decimals are taken where they are zeros.
    func units(_ number: Int) throws(X12Problem) -> Int64 {
        let bytes = element(number)
        let isNegative = bytes.first == UInt8(ascii: "-")
        let digits = isNegative || bytes.first == UInt8(ascii: "+") ? bytes.dropFirst() : bytes
        let point = digits.firstIndex(of: UInt8(ascii: ".")) ?? digits.endIndex
        let (whole, fraction) = (digits[..<point], digits[point...].dropFirst())
        guard whole.count + fraction.count > 0, whole.allSatisfy(X12Text.isDigit), fraction.allSatisfy(X12Text.isDigit)
        else { throw problem(number, "\(X12Text.shown(bytes)) is no number of units") }
        guard fraction.allSatisfy({ $0 == UInt8(ascii: "0") }) else {
            throw problem(number, "\(X12Text.shown(bytes)) is no whole number of units")
        }
        let significant = whole.drop { $0 == UInt8(ascii: "0") }
        let units = significant.isEmpty ? 0 : X12Text.number(significant)
        guard let units, units <= Limits.quantityMax else {
            throw problem(number, "within ±\(Limits.quantityMax), is \(X12Text.shown(bytes))")
        }
        return isNegative ? -units : units
    }

    /// A problem with one element, such as `QTY02: …`; 0: with the segment.
    func problem(_ number: Int, _ reason: String) -> X12Problem {
        X12Problem(place, number == 0 ? reason : "\(name(number)): \(reason)")
    }

    func fault(_ number: Int, _ reason: String) -> X12Fault {
        X12Fault(place, number == 0 ? reason : "\(name(number)): \(reason)")
    }

    func name(_ number: Int) -> String { "\(id)\(number < 10 ? "0" : "")\(number)" }
}

extension ArraySlice<UInt8> {
    fileprivate var withoutTrailingSpaces: ArraySlice<UInt8> {
        guard last == 0x20 else { return self }
        return self[..<(lastIndex { $0 != 0x20 }.map { $0 + 1 } ?? startIndex)]
    }
}
