import Testing

@testable import Inventory

/// The evaluation against a plain reading of the semantics, for random policies and positions.
@Suite struct EvaluationPropertyTests {
    @Test func evaluationEqualsThePlainReadingAndItsExplanation() throws {
        let seed = makeTestSeed()
        var random = SplitMix64(seed: seed)
        for round in 0..<5_000 {
            let question = makeQuestion(&random)
            let (expected, contributions) = NaiveEvaluation.evaluate(question)
            let answer = try question.answer()
            #expect(answer == expected, "seed \(seed), round \(round): \(question)")
            #expect(try question.contributions() == contributions, "seed \(seed), round \(round)")
            let (explained, terms) = try question.explanation()
            #expect(explained == answer, "seed \(seed), round \(round)")
            #expect(terms.last?.kind == .available, "seed \(seed), round \(round)")
            #expect(terms.last?.result == answer.available, "seed \(seed), round \(round)")
            checkChain(terms, "seed \(seed), round \(round)")
        }
    }

    /// Each step continues where the one before it in the same place ended, and the locations add up to the sum.
    private func checkChain(_ terms: [ExplanationTerm], _ comment: Comment) {
        var running: Int64 = 0
        var place: LocationNumber = 0
        var sum: Int64 = 0
        for term in terms {
            if term.location != place || term.kind == .sum {
                place = term.location
                running = term.kind == .sum ? sum : 0
            }
            running += term.amount
            #expect(term.result == running, comment)
            if term.kind == .locationAvailable { sum += term.result }
        }
    }

    private func makeQuestion(_ random: inout SplitMix64) -> Question {
        var policy = ChannelPolicy()
        let names = ["WH1", "WH2", "WH3", "WH4", "WH5", "WH6", "G1", "G2"].shuffled(using: &random)
        policy.sourcing = Array(names.prefix(Int.random(in: 0...5, using: &random)))
        policy.terms = makeTerms(&random)
        if random.chance(40) { policy.cap = Int64.random(in: 0...60, using: &random) }
        if random.chance(40) { policy.floor = Int64.random(in: 0...40, using: &random) }
        policy.splitAllowed = random.chance(50)
        if random.chance(70) { policy.degradationBuffer = makeBuffer(&random) }
        policy.overrides = makeOverrides(&random)

        var question = Question(policy)
        question.directory = makeDirectory(
            inactive: random.chance(30) ? [Int.random(in: 1...6, using: &random)] : [],
            owners: random.chance(50) ? [1: "wms", 2: "erp"] : [:],
            groups: [
                LocationGroup(id: "G1", members: ["WH3", "WH1"]), LocationGroup(id: "G2", members: ["WH6", "WH3"]),
            ])
        question.watermarks = [0, question.now - Int64.random(in: -5...100, using: &random), 0]
        question.sku = ["SKU-1", "SKU-12", "SK", "X"].randomElement(using: &random)!
        question.location = ["", "", "WH1", "WH4", "G1", "G2"].randomElement(using: &random)!
        question.maxStaleness = random.chance(30) ? Int64.random(in: 0...60, using: &random) : nil
        question.quantity = Int64.random(in: 1...30, using: &random)
        question.knownSku = random.chance(50)
        question.isDegraded = random.chance(40)
        for location in LocationNumber(1)...6 where random.chance(60) {
            var position = makePosition(
                [:], authoritativeTime: question.now - Int64.random(in: -5...100, using: &random))
            position.authoritativeSource = SourceNumber.random(in: 0...3, using: &random)
            for bucket in Bucket.allCases where random.chance(50) {
                position.buckets[bucket] = Int64.random(in: bucket == .onHand ? -10...90 : -3...12, using: &random)
            }
            question.put(
                location, position, openHolds: random.chance(30) ? Int64.random(in: 0...20, using: &random) : 0)
        }
        return question
    }

    private func makeTerms(_ random: inout SplitMix64) -> PolicyTerms {
        var terms = PolicyTerms()
        if random.chance(50) { terms.sharePercent = Int.random(in: 0...100, using: &random) }
        if random.chance(50) { terms.buffer = makeBuffer(&random) }
        if random.chance(30) { terms.safetyStock = Int64.random(in: 0...15, using: &random) }
        if random.chance(30) { terms.allowedOversell = Int64.random(in: 0...25, using: &random) }
        terms.countInTransit = random.chance(30)
        if random.chance(60) { terms.staleAfterNanoseconds = Int64.random(in: 1...80, using: &random) }
        terms.staleAction = makeAction(&random)
        return terms
    }

    private func makeBuffer(_ random: inout SplitMix64) -> StockBuffer {
        random.chance(50)
            ? .units(Int64.random(in: 0...20, using: &random)) : .percent(Int.random(in: 0...100, using: &random))
    }

    private func makeAction(_ random: inout SplitMix64) -> StaleAction {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: .serve
        case 1: .buffer(percent: Int.random(in: 0...100, using: &random))
        case 2: .withhold
        default: .refuse
        }
    }

    private func makeOverrides(_ random: inout SplitMix64) -> [PolicyOverride] {
        var overrides: [PolicyOverride] = []
        let skus: [PolicyOverride.Skus] = [.all, .prefix("S"), .prefix("SKU-1"), .sku("SKU-1"), .sku("SK"), .sku("X")]
        for skus in skus {
            for location in [nil, "WH1", "WH3"] where random.chance(25) {
                let terms = makeTerms(&random)
                var override = PolicyOverride(skus: skus, location: location)
                if random.chance(40) { override.sharePercent = terms.sharePercent }
                if random.chance(40) { override.buffer = terms.buffer }
                if random.chance(40) { override.safetyStock = terms.safetyStock }
                if random.chance(40) { override.allowedOversell = terms.allowedOversell }
                if random.chance(40) { override.countInTransit = terms.countInTransit }
                if random.chance(40) { override.staleAfterNanoseconds = terms.staleAfterNanoseconds }
                if random.chance(40) { override.staleAction = terms.staleAction }
                overrides.append(override)
            }
        }
        return overrides.shuffled(using: &random)
    }
}
