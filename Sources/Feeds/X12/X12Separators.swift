/// The characters an interchange is written with, as its ISA shows them (X12.5, interchange control structures).
public struct X12Separators: Sendable, Equatable {
    public let element: UInt8
    /// Nil: the interchange has no composite elements.
    public let component: UInt8?
    /// From version 00402 on; nil before, when ISA11 named the standard (`U`).
    public let repetition: UInt8?
    public let segment: UInt8

    /// ISA has elements of fixed lengths and 106 bytes. Senders pad wrongly, so the sixteen separators are counted instead
    /// and the lengths are not looked at.
    private static let isaElements = 16
    /// How far the sixteenth separator may be from the beginning, in bytes.
    private static let isaBytesMax = 512

    /// Reads the separators of the ISA that begins at `start`, and where it ends: behind the segment terminator.
    static func read(
        _ bytes: [UInt8], at start: Int, place: X12Place
    ) throws(X12Fault) -> (separators: X12Separators, end: Int) {
        guard bytes.count - start > 3, bytes[start..<start + 3].elementsEqual("ISA".utf8) else {
            throw X12Fault(
                place, "an interchange begins with ISA, not with \(X12Text.shown(bytes[start...].prefix(3)))")
        }
        let element = bytes[start + 3]
        guard isSeparator(element) else {
            throw X12Fault(place, "the element separator cannot be \(X12Text.shown([element]))")
        }
        var separators: [Int] = []
        for offset in (start + 3)..<min(bytes.count, start + isaBytesMax) where bytes[offset] == element {
            separators.append(offset)
            if separators.count == isaElements { break }
        }
        guard let last = separators.last, separators.count == isaElements, last + 2 < bytes.count else {
            throw X12Fault(place, "has \(separators.count) elements where ISA has \(isaElements), and a terminator")
        }
        let version = bytes[separators[11] + 1..<separators[12]]
        let told = bytes[separators[10] + 1..<separators[11]]
        let component = bytes[last + 1]
        let segment = bytes[last + 2]
        guard component == element || isSeparator(component), isSeparator(segment), segment != element,
            segment != component
        else {
            throw X12Fault(
                place,
                "ISA16: one component separator and the segment terminator must follow, not "
                    + X12Text.shown([component, segment]))
        }
        var repetition: UInt8?
        if let version = X12Text.number(version), version >= 402, told.count == 1, let byte = told.first,
            isSeparator(byte), ![element, component, segment].contains(byte)
        {
            repetition = byte
        }
        return (
            X12Separators(
                element: element, component: component == element ? nil : component, repetition: repetition,
                segment: segment), last + 3
        )
    }

    /// Whatever no text can have. Control characters are in use, such as a line feed or U+001C.
    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte != 0 && byte < 0x80 && byte != 0x20 && !X12Text.isLetterOrDigit(byte)
    }
}
