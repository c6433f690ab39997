/// Percentages of units in whole units. The product of both must fit 64 bits; see `Limits.check`.
enum Percentage {
    /// ceil(percent × units ÷ 100), of 0 or more units.
    static func roundedUp(_ percent: Int, of units: Int64) -> Int64 {
        (Int64(percent) * units + 99) / 100
    }

    /// floor(percent × units ÷ 100), towards minus infinity also for negative units.
    static func roundedDown(_ percent: Int, of units: Int64) -> Int64 {
        let product = Int64(percent) * units
        return product >= 0 ? product / 100 : -((99 - product) / 100)
    }
}
