/// Wants no terms, but when time alone will change the answer: for those who are told of every change.
public struct AgeRecorder: EvaluationRecorder, Sendable {
    public static var isRecording: Bool { false }

    /// The first moment of the wall clock after `nowNanoseconds` at which figures pass a threshold; `Int64.max`: none will.
    public private(set) var nextFlipNanoseconds = WallNanoseconds.max
    /// Whether any location was counted in.
    public private(set) var hasLocation = false
    private let nowNanoseconds: WallNanoseconds

    public init(nowNanoseconds: WallNanoseconds) {
        self.nowNanoseconds = nowNanoseconds
    }

    public mutating func record(_ term: ExplanationTerm) {}
    public func mentions(_ location: LocationNumber) -> Bool { false }
    public mutating func arrangeLocations(by rank: (LocationNumber) -> Int) {}

    public mutating func vouched(
        forNanoseconds vouchedNanoseconds: WallNanoseconds, staleAfterNanoseconds: Int64, maxStalenessNanoseconds: Int64
    ) {
        hasLocation = true
        if staleAfterNanoseconds > 0 { note(vouchedNanoseconds, staleAfterNanoseconds) }
        if maxStalenessNanoseconds >= 0 { note(vouchedNanoseconds, maxStalenessNanoseconds) }
    }

    /// Figures are too old once their age is beyond the threshold: a nanosecond later.
    private mutating func note(_ vouched: WallNanoseconds, _ threshold: Int64) {
        let (last, isBeyondAllTime) = vouched.addingReportingOverflow(threshold)
        guard !isBeyondAllTime, last >= nowNanoseconds, last < .max else { return }
        nextFlipNanoseconds = min(nextFlipNanoseconds, last + 1)
    }

    public mutating func restart() {
        nextFlipNanoseconds = .max
        hasLocation = false
    }
}
