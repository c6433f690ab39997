import Calls
import Testing

@testable import RPC

struct TimerWheelTests {
    typealias Node = UnsafeMutablePointer<TimerNode>

    @Test(arguments: [UInt64(1), 42, 4_711])
    func timersFireInTheirTickAndNeverEarly(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var wheel = TimerWheel(nowNanoseconds: 1_000)
        let nodes = (0..<500).map { _ in makeNode() }
        defer { nodes.forEach { $0.deallocate() } }
        var due: [Node: UInt64] = [:]
        for node in nodes {
            let at = UInt64.random(in: 0...60_000_000_000, using: &random)
            wheel.arm(node, dueNanoseconds: at)
            due[node] = at
        }
        for node in nodes.shuffled(using: &random).prefix(100) {
            wheel.disarm(node)
            due[node] = nil
        }
        let tick = UInt64(1) << TimerWheel.tickShift
        var now: UInt64 = 1_000
        while !due.isEmpty {
            let before = now
            now += UInt64.random(in: 1...3_000_000_000, using: &random)
            wheel.advance(nowNanoseconds: now)
            while let node = wheel.nextDue() {
                let at = due.removeValue(forKey: node)
                #expect(at != nil && at! <= now, "seed \(seed)")
                #expect(at.map { $0 + 2 * tick >= before } ?? false, "seed \(seed)")
            }
            #expect(due.values.allSatisfy { $0 + 2 * tick > now }, "seed \(seed)")
            if now > 100_000_000_000 { break }
        }
        #expect(due.isEmpty, "seed \(seed)")
        // Slots may look occupied for one more look at each, but no longer.
        for _ in 0...4_096 {
            wheel.advance(
                nowNanoseconds: {
                    now += tick; return now
                }())
        }
        #expect(wheel.waitMilliseconds(nowNanoseconds: now) == nil)
    }

    @Test func waitReachesTheNextTimerAndNotPastIt() {
        for distance in [1, 5, 100, 4_000, 17_000] as [UInt64] {
            var wheel = TimerWheel(nowNanoseconds: 77_000_000)
            let node = makeNode()
            defer { node.deallocate() }
            var now: UInt64 = 77_000_000
            wheel.arm(node, dueNanoseconds: now + distance * 1_000_000)
            var turns = 0
            while true {
                guard let wait = wheel.waitMilliseconds(nowNanoseconds: now) else { break }
                now += UInt64(wait) * 1_000_000
                wheel.advance(nowNanoseconds: now)
                turns += 1
                if wheel.nextDue() != nil { break }
                #expect(turns < 5)
            }
            #expect(now >= 77_000_000 + distance * 1_000_000)
            #expect(now <= 77_000_000 + distance * 1_000_000 + 10_000_000)
        }
    }

    private func makeNode() -> Node {
        let node = Node.allocate(capacity: 1)
        node.initialize(to: TimerNode(kind: .listener, owner: nil))
        return node
    }
}

struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

struct ByteQueueTests {
    @Test(arguments: [UInt64(3), 99])
    func bytesComeOutAsTheyWentIn(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var queue = ByteQueue()
        var model: [UInt8] = []
        for _ in 0..<5_000 {
            if Bool.random(using: &random) {
                let bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...255) }
                bytes.withUnsafeBytes { queue.append($0) }
                model += bytes
            } else {
                let count = Int.random(in: 0...queue.count, using: &random)
                queue.consume(count)
                model.removeFirst(count)
            }
            guard Array(queue.bytes) == model else {
                Issue.record("seed \(seed)")
                return
            }
        }
    }

    @Test func memoryBeyondWhatIsKeptIsGivenBack() {
        var queue = ByteQueue()
        [UInt8](repeating: 1, count: 5_000).withUnsafeBytes { queue.append($0) }
        queue.removeAll(keeping: 10_000)
        #expect(queue.capacity >= 5_000 && queue.isEmpty)
        queue.removeAll(keeping: 100)
        #expect(queue.capacity == 0 && queue.bytes.count == 0)
    }
}

struct TokenBucketTests {
    @Test func soManyAtOnceAndSoManyASecond() {
        var bucket = TokenBucket(size: 3, perSecond: 2, nowNanoseconds: 0)
        var taken: [Bool] = []
        for now in [0, 0, 0, 0, 400_000_000, 500_000_000] as [UInt64] { taken.append(bucket.take(nowNanoseconds: now)) }
        #expect(taken == [true, true, true, false, false, true])
        taken = []
        for _ in 0..<5 { taken.append(bucket.take(nowNanoseconds: 1 << 60)) }
        #expect(taken == [true, true, true, false, false])
    }
}

struct LoopCountersTests {
    @Test func callsAreCountedByMethodCodeAndDuration() {
        let counters = LoopCounters(methodCount: 3)
        counters.callStarted(method: 1)
        counters.callFinished(method: 1, code: .ok, count: 4, durationNanoseconds: 10_000)
        counters.callFinished(method: 2, code: .unauthenticated, count: 1, durationNanoseconds: 60_000_000_000)
        counters.add(.connectionsOpen, 2)
        counters.add(.connectionsOpen, -1)
        let copy = counters.snapshot()
        #expect(copy.connectionsOpen == 1)
        #expect(copy.methods[0].outcomes.allSatisfy { $0.count == 0 })
        #expect(copy.methods[1].started == 1 && copy.methods[1].outcomes[0].count == 4)
        #expect(copy.methods[1].outcomes[0].durations[0] == 4)
        #expect(copy.methods[1].outcomes[0].durationSumNanoseconds == 40_000)
        #expect(copy.methods[2].outcomes[16].count == 1 && copy.methods[2].outcomes[16].durations.last == 1)
    }
}

struct WireLimitsTests {
    @Test func defaultsAreValid() throws {
        try WireLimits().validate()
    }

    @Test func limitOutOfRangeIsNamed() {
        let changes: [(String, (inout WireLimits) -> Void)] = [
            ("messageBytesMax", { $0.messageBytesMax = 0 }), ("streamWindowBytes", { $0.streamWindowBytes = 1 }),
            ("connectionWindowBytes", { $0.connectionWindowBytes = $0.streamWindowBytes - 1 }),
            ("requestBytesPerConnectionMax", { $0.requestBytesPerConnectionMax = $0.messageBytesMax }),
            ("streamBufferBytesMax", { $0.streamBufferBytesMax = $0.messageBytesMax }),
            ("replyBytesPerConnectionMax", { $0.replyBytesPerConnectionMax = 0 }),
            ("readBytesPerTurn", { $0.readBytesPerTurn = 100 }), ("ownResetsPerSecond", { $0.ownResetsPerSecond = -1 }),
            ("headerListBytesMax", { $0.headerListBytesMax = 100_000 }),
        ]
        for (name, change) in changes {
            var limits = WireLimits()
            change(&limits)
            let error = #expect(throws: WireError.self) { () throws -> Void in try limits.validate() }
            #expect(error?.kind == .invalidLimits && error?.description.contains(name) == true)
        }
    }
}
