/// So many at once, and so many a second after that.
struct TokenBucket {
    private let size: Double
    private let perNanosecond: Double
    private var tokens: Double
    private var filledNanoseconds: UInt64

    init(size: Int, perSecond: Int, nowNanoseconds: UInt64) {
        self.size = Double(size)
        perNanosecond = Double(perSecond) / 1e9
        tokens = Double(size)
        filledNanoseconds = nowNanoseconds
    }

    /// False when there is none left.
    mutating func take(nowNanoseconds: UInt64) -> Bool {
        if nowNanoseconds > filledNanoseconds {
            tokens = min(size, tokens + Double(nowNanoseconds - filledNanoseconds) * perNanosecond)
            filledNanoseconds = nowNanoseconds
        }
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }

    mutating func add(_ count: Int) {
        tokens = min(size, tokens + Double(count))
    }
}
