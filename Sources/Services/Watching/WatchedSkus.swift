/// A line of a watch among all lines of a shard: the watch's slot and the line's index in it.
struct LineReference: Equatable, Sendable {
    let rawValue: UInt32

    static let none = LineReference(rawValue: .max)
    private static let indexBits: UInt32 = 10

    private init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    init(slot: Int, index: Int) {
        precondition(index < 1 << Self.indexBits && slot < 1 << (31 - Self.indexBits))
        rawValue = UInt32(slot) << Self.indexBits | UInt32(index)
    }

    var slot: Int { Int(rawValue >> Self.indexBits) }
    var index: Int { Int(rawValue & (1 << Self.indexBits - 1)) }
}

/// The skus that a shard's watches are about, by small numbers, and the first line of each. The lines of a sku are chained
/// through the lines themselves.
struct WatchedSkus {
    /// Two skus are one only if their bytes are; Swift's strings would take other spellings of a text for the same.
    private struct Name: Hashable {
        var text: String

        static func == (one: Name, other: Name) -> Bool { one.text.utf8.elementsEqual(other.text.utf8) }

        func hash(into hasher: inout Hasher) {
            var text = text
            text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }

    private var numbers: [Name: UInt32] = [:]
    private var names: [String] = []
    private var heads: [LineReference] = []
    private var free: [UInt32] = []

    /// One more than the greatest number in use.
    var numberEnd: Int { names.count }

    func number(of sku: String) -> Int? { numbers[Name(text: sku)].map(Int.init) }

    func name(of number: Int) -> String { names[number] }

    /// Empty where the number is not in use.
    func isUsed(_ number: Int) -> Bool { !names[number].isEmpty }

    mutating func intern(_ sku: String) -> Int {
        if let number = numbers[Name(text: sku)] { return Int(number) }
        let number: UInt32
        if let reused = free.popLast() {
            number = reused
            names[Int(number)] = sku
        } else {
            number = UInt32(names.count)
            names.append(sku)
            heads.append(.none)
        }
        numbers[Name(text: sku)] = number
        return Int(number)
    }

    /// Forgets a sku that no line is about.
    mutating func removeIfUnused(_ number: Int) {
        guard number < names.count, heads[number] == .none, isUsed(number) else { return }
        numbers[Name(text: names[number])] = nil
        names[number] = ""
        free.append(UInt32(number))
        if numbers.isEmpty { self = WatchedSkus() }
    }

    /// The first line about the sku.
    subscript(head number: Int) -> LineReference {
        get { heads[number] }
        set { heads[number] = newValue }
    }
}
