import Calls
import Synchronization

/// One event loop's counters. Written by that loop's thread only, so that a relaxed load and store count exactly;
/// read by any thread.
@safe
final class LoopCounters: Sendable {
    enum Total: Int, CaseIterable {
        case connectionsOpen, connectionsAccepted, bytesReceived, bytesSent, protocolErrors
    }

    // For each method: started; then for each status code one count for each latency bucket and the sum of durations.
    private static let codeCount = StatusCode.allCases.count
    private static let bucketCount = CallStatistics.bucketBoundsNanoseconds.count + 1
    private static let outcomeStride = bucketCount + 1
    private static let stride = 1 + codeCount * outcomeStride
    private static let bounds = CallStatistics.bucketBoundsNanoseconds

    private let methodCount: Int
    /// Words of a method; `Self.stride` is made at its first use, which the hot path would ask about each time.
    private let stride = LoopCounters.stride
    // Immutable pointer to atomics: shared safely by what atomics promise.
    nonisolated(unsafe) private let words: UnsafeMutablePointer<Atomic<UInt64>>

    /// `methodCount` includes the one for unknown methods.
    init(methodCount: Int) {
        self.methodCount = methodCount
        let count = Total.allCases.count + methodCount * Self.stride
        unsafe words = .allocate(capacity: count)
        for index in 0..<count { unsafe (words + index).initialize(to: Atomic(0)) }
    }

    deinit {
        unsafe words.deinitialize(count: Total.allCases.count + methodCount * Self.stride)
        unsafe words.deallocate()
    }

    func add(_ total: Total, _ amount: Int) {
        add(at: total.rawValue, UInt64(bitPattern: Int64(amount)))
    }

    func callStarted(method: Int) {
        add(at: base(method), 1)
    }

    /// `count` calls that ended alike and took as long.
    func callFinished(method: Int, code: StatusCode, count: UInt64, durationNanoseconds: UInt64) {
        let base = outcomeBase(method, Int(code.rawValue))
        var bucket = 0
        while bucket < Self.bucketCount - 1, durationNanoseconds > Self.bounds[bucket] { bucket += 1 }
        add(at: base + bucket, count)
        add(at: base + Self.bucketCount, count &* durationNanoseconds)
    }

    func snapshot() -> CallStatistics {
        var copy = CallStatistics()
        copy.connectionsOpen = value(at: Total.connectionsOpen.rawValue)
        copy.connectionsAccepted = value(at: Total.connectionsAccepted.rawValue)
        copy.bytesReceived = value(at: Total.bytesReceived.rawValue)
        copy.bytesSent = value(at: Total.bytesSent.rawValue)
        copy.protocolErrors = value(at: Total.protocolErrors.rawValue)
        copy.methods = (0..<methodCount).map { method in
            var one = CallStatistics.Method()
            one.started = value(at: base(method))
            for code in 0..<Self.codeCount { one.outcomes[code] = outcome(method, code) }
            return one
        }
        return copy
    }

    private func outcome(_ method: Int, _ code: Int) -> CallStatistics.Outcome {
        var outcome = CallStatistics.Outcome()
        let base = outcomeBase(method, code)
        for bucket in 0..<Self.bucketCount { outcome.durations[bucket] = value(at: base + bucket) }
        outcome.durationSumNanoseconds = value(at: base + Self.bucketCount)
        return outcome
    }

    private func base(_ method: Int) -> Int {
        Total.allCases.count + method * stride
    }

    private func outcomeBase(_ method: Int, _ code: Int) -> Int {
        base(method) + 1 + code * Self.outcomeStride
    }

    private func add(at index: Int, _ amount: UInt64) {
        let old = unsafe words[index].load(ordering: .relaxed)
        unsafe words[index].store(old &+ amount, ordering: .relaxed)
    }

    private func value(at index: Int) -> UInt64 {
        unsafe words[index].load(ordering: .relaxed)
    }
}
