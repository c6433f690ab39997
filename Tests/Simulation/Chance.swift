/// The one source of everything that is random in a world: the same seed gives the same world.
struct Chance {
    private var state: UInt64

    init(seed: UInt64) {
        // Far apart: seeds next to each other would else be the same stream, one step on.
        state = Self.mixed(seed)
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    private static func mixed(_ state: UInt64) -> UInt64 {
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 up to `bound`, which is left out.
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func within(_ range: ClosedRange<Int64>) -> Int64 {
        range.lowerBound + Int64(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

    mutating func percent(_ percent: Int) -> Bool { below(100) < percent }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
        var rest = elements
        for place in rest.indices.dropLast() { rest.swapAt(place, place + below(rest.count - place)) }
        return rest
    }

    mutating func seconds(_ range: ClosedRange<Int64>) -> Int64 {
        within(range.lowerBound * 1_000_000_000...range.upperBound * 1_000_000_000)
    }
}
