import Calls
import Inventory
import Testing

@testable import Services

@Suite struct ToldLineTests {
    private static func told(
        _ available: Int64, _ status: AvailabilityStatus = .inStock, isStale: Bool = false
    ) -> ToldLine {
        ToldLine(available: available, status: status, isStale: isStale)
    }

    @Test(arguments: [0, 1, 999, 1_000_000_000_000, (1 << 60) - 1] as [Int64])
    func aLineIsKeptWhole(available: Int64) {
        for status in [AvailabilityStatus.inStock, .limited, .outOfStock, .unknownSku, .withheld] {
            for isStale in [false, true] {
                let line = Self.told(available, status, isStale: isStale)
                #expect(line.isTold)
                #expect(line.available == available && line.status == status.rawValue && line.isStale == isStale)
            }
        }
        #expect(!ToldLine.never.isTold)
    }

    @Test func whatIsBeyondItsRoomCountsAsTheMost() {
        #expect(Self.told(.max).available == (1 << 60) - 1)
    }

    struct Step: Sendable, CustomTestStringConvertible {
        var from: (Int64, AvailabilityStatus, Bool)?
        var to: (Int64, AvailabilityStatus, Bool)
        var isNews: Bool
        var isNewsInBands: Bool
        var testDescription: String { "\(String(describing: from)) to \(to)" }
    }

    @Test(arguments: [
        Step(from: nil, to: (0, .outOfStock, false), isNews: true, isNewsInBands: true),
        Step(from: (5, .inStock, false), to: (5, .inStock, false), isNews: false, isNewsInBands: false),
        Step(from: (5, .inStock, false), to: (6, .inStock, false), isNews: true, isNewsInBands: false),
        Step(from: (10, .inStock, false), to: (11, .inStock, false), isNews: true, isNewsInBands: true),
        Step(from: (11, .inStock, false), to: (100, .inStock, false), isNews: true, isNewsInBands: false),
        Step(from: (100, .inStock, false), to: (101, .inStock, false), isNews: true, isNewsInBands: true),
        Step(from: (1, .inStock, false), to: (0, .outOfStock, false), isNews: true, isNewsInBands: true),
        Step(from: (5, .inStock, false), to: (6, .limited, false), isNews: true, isNewsInBands: true),
        Step(from: (5, .inStock, false), to: (5, .inStock, true), isNews: true, isNewsInBands: true),
    ])
    func newsAreWhatAWatcherMustHear(step: Step) throws {
        let from = step.from.map { Self.told($0.0, $0.1, isStale: $0.2) } ?? .never
        let to = Self.told(step.to.0, step.to.1, isStale: step.to.2)
        let none = try #require(WatchBands([]))
        let bands = try #require(WatchBands([0, 10, 100]))
        #expect(from.isNews(to, bands: none) == step.isNews)
        #expect(from.isNews(to, bands: bands) == step.isNewsInBands)
    }

    @Test func bandsBeginAboveTheirBounds() throws {
        let bands = try #require(WatchBands([0, 10, 100]))
        #expect([0, 1, 10, 11, 100, 101, 5_000].map { bands.band(of: $0) } == [0, 1, 1, 2, 2, 3, 3])
    }

    @Test(arguments: [[5, 5], [6, 5], [-1], [Limits.quantityMax + 1], Array(0...16)] as [[Int64]])
    func bandsThatDoNotRiseAreRefused(bounds: [Int64]) {
        #expect(WatchBands(bounds) == nil)
    }
}

@Suite struct WatchTokenTests {
    private static let tokens = [
        WatchToken(epoch: 0, sequence: 0, termsDigest: 0, linesDigest: 0, toldStale: false),
        WatchToken(epoch: .max, sequence: .max, termsDigest: .max, linesDigest: .max, toldStale: true),
        WatchToken(epoch: 7, sequence: 123_456, termsDigest: 1 << 63, linesDigest: 42, toldStale: true),
    ]

    @Test(arguments: tokens)
    func aTokenReadsBackAsItWasWritten(token: WatchToken) {
        #expect(WatchToken(token.text) == token)
        // The wire writes its length in one byte.
        #expect(token.text.utf8.count < 128)
    }

    @Test func whatIsNotWholeIsNoToken() {
        let text = Self.tokens[2].text
        for end in text.indices { #expect(WatchToken(String(text[..<end])) == nil) }
        for index in text.indices {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "0" ? "1" : "0")
            #expect(WatchToken(changed) == nil, "\(changed)")
        }
        #expect(WatchToken(text + "0") == nil && WatchToken("a-b-c-d-e-f") == nil && WatchToken("-") == nil)
    }

    @Test func textsThatRunTogetherHaveAnotherDigest() {
        func digest(_ texts: String...) -> UInt64 {
            var digest = TokenDigest()
            for text in texts { digest.add(text) }
            return digest.value
        }
        #expect(digest("ab", "c") != digest("a", "bc") && digest("", "a") != digest("a", ""))
    }
}

@Suite struct WatchQuestionTests {
    private func question(_ lines: (String, String)...) throws -> WatchQuestion {
        WatchQuestion(
            channel: "web", lines: lines.map { (sku: $0, location: $1) }, bands: try #require(WatchBands([])),
            token: nil)
    }

    @Test func whoNamesNothingHearsOfEverySku() throws {
        let all = try question()
        #expect(all.hearsOfAll && all.lineCount == 0 && all.openPlaces == [0])
        #expect(all.places == [WatchQuestion.Place(location: "", quantity: 1)])
        #expect(try !question(("A", "")).hearsOfAll)
    }

    @Test func lineWithoutASkuIsAboutItsLocation() throws {
        let mixed = try question(("A", "WH1"), ("", "EAST"), ("B", "EAST"), ("", "WH1"))
        #expect(mixed.hearsOfAll && mixed.lineCount == 2)
        #expect(mixed.lines.map(\.sku) == ["A", "B"] && mixed.lines.map(\.place) == [0, 1])
        #expect(mixed.openPlaces == [1, 0] && mixed.places.map(\.location) == ["WH1", "EAST"])
    }

    @Test func otherQuestionsHaveOtherDigests() throws {
        let questions = [
            try question(), try question(("", "WH1")), try question(("", "WH2")), try question(("A", "WH1")),
            try question(("A", "WH1"), ("", "WH1")), try question(("", "WH1"), ("", "WH2")),
        ]
        #expect(Set(questions.map(\.digest)).count == questions.count)
    }
}

@Suite struct DirtyLinesTests {
    @Test(arguments: 0..<10)
    func linesAreTakenOnceEachInOrder(seed: UInt64) {
        var random = SeededGenerator(seed: 0xD1127 + seed)
        var lines = DirtyLines()
        var model: Set<Int> = []
        lines.grow(to: 200)
        for _ in 0..<2_000 {
            let line = Int.random(in: 0..<200, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                var taken: [Int] = []
                let most = Int.random(in: 1...20, using: &random)
                lines.take(most: most) { taken.append($0) }
                #expect(taken == Array(model.sorted().prefix(most)))
                model.subtract(taken)
            case 1:
                lines.remove(line)
                model.remove(line)
            default: #expect(lines.insert(line) == model.insert(line).inserted)
            }
            #expect(lines.count == model.count && lines.isEmpty == model.isEmpty)
            #expect(lines.contains(line) == model.contains(line))
        }
    }
}

@Suite struct WatchedSkusTests {
    @Test func numbersOfForgottenSkusAreUsedAgain() {
        var skus = WatchedSkus()
        let (one, other) = (skus.intern("A"), skus.intern("B"))
        #expect(skus.intern("A") == one && one != other && skus.name(of: other) == "B")
        skus[head: other] = LineReference(slot: 3, index: 4)
        skus.removeIfUnused(other)
        #expect(skus.number(of: "B") == other, "a line is about it")
        skus.removeIfUnused(one)
        #expect(skus.number(of: "A") == nil && !skus.isUsed(one))
        #expect(skus.intern("C") == one && skus.numberEnd == 2)
    }

    /// Strings that are equal to Swift and not to anybody else.
    @Test func anotherSpellingOfATextIsAnotherSku() {
        var skus = WatchedSkus()
        #expect(skus.intern("caf\u{E9}") != skus.intern("cafe\u{301}"))
        #expect(skus.number(of: "cafe\u{301}") == 1)
    }

    @Test(arguments: [(0, 0), (1, 1_023), (Limits.watchesMax, 999)])
    func aReferenceNamesSlotAndLine(slot: Int, index: Int) {
        let reference = LineReference(slot: slot, index: index)
        #expect(reference.slot == slot && reference.index == index && reference != .none)
    }
}

@Suite struct WatchCountsTests {
    private func refusal(_ body: () throws -> Void) -> CallStatus? {
        do {
            try body()
            return nil
        } catch {
            return error as? CallStatus
        }
    }

    @Test func watchesBeyondTheLimitAreRefusedByName() throws {
        let counts = WatchCounts()
        for _ in 0..<Limits.watchesMax { try counts.take(lineCount: 1) }
        let refused = try #require(refusal { try counts.take(lineCount: 1) })
        #expect(refused.code == .resourceExhausted && refused.message.contains("20000 watches"))
        counts.release(lineCount: 1)
        #expect(refusal { try counts.take(lineCount: 1) } == nil)
        #expect(counts.statistics.watches == Limits.watchesMax && counts.statistics.lines == Limits.watchesMax)
    }

    @Test func linesBeyondTheLimitAreRefusedByName() throws {
        let counts = WatchCounts()
        for _ in 0..<(Limits.watchLinesMax / 1_000) { try counts.take(lineCount: 1_000) }
        let refused = try #require(refusal { try counts.take(lineCount: 1) })
        #expect(refused.code == .resourceExhausted && refused.message.contains("2000000 lines"))
        #expect(counts.statistics.lines == Limits.watchLinesMax)
        // A watch of all skus names none.
        try counts.take(lineCount: 0)
        #expect(counts.takeSkus(Limits.watchSkusMax) && !counts.takeSkus(1))
        counts.releaseSkus(1)
        #expect(counts.takeSkus(1))
    }
}
