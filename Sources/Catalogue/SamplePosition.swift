internal import Inventory

/// The figures of one position of the sample catalogue. Fixed: tests and examples name them.
enum SamplePosition {
    /// Nil when the sku does not lie there.
    static func row(skuNumber: Int, locationIndex: Int) -> PositionRow? {
        var dice = Dice(seed: UInt64(skuNumber) &* 8 &+ UInt64(locationIndex))
        guard locationIndex == 0 || dice.chance(percent: 40) else { return nil }
        var row = PositionRow()
        row.sku = skuName(skuNumber)
        row.location = SampleCatalogue.locations[locationIndex]

        let isEmpty = dice.chance(percent: 10)
        let onHand = isEmpty ? 0 : dice.number(1...(locationIndex == 0 ? 800 : 200))
        let quarantined = dice.chance(percent: 8) ? min(onHand, dice.number(1...12)) : 0
        let damaged = dice.chance(percent: 5) ? min(onHand - quarantined, dice.number(1...5)) : 0
        let allocated = dice.chance(percent: 30) ? min(onHand - quarantined - damaged, dice.number(1...40)) : 0
        row.set(.onHand, to: onHand)
        row.set(.allocated, to: allocated)
        row.set(.quarantined, to: quarantined)
        row.set(.damaged, to: damaged)
        row.set(.inTransit, to: dice.chance(percent: 12) ? dice.number(1...100) : 0)
        row.set(.safetyStock, to: dice.chance(percent: 25) ? dice.number(1...15) : 0)
        return row
    }

    /// `SKU-000001` and so on.
    static func skuName(_ number: Int) -> String {
        let digits = String(number)
        return "SKU-" + String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): a stable stream of numbers from a seed.
struct Dice {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func number(_ range: ClosedRange<Int64>) -> Int64 {
        range.lowerBound + Int64(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    mutating func chance(percent: Int64) -> Bool { number(1...100) <= percent }
}
