import Testing

@testable import Inventory

@Suite struct ExplanationTests {
    @Test func everyStepIsToldInOrder() throws {
        var policy = makePolicy {
            $0.sourcing = ["WH2", "WH1", "WH4", "WH5"]
            $0.cap = 20
            $0.floor = 2
            $0.terms.buffer = .units(3)
            $0.terms.sharePercent = 50
            $0.terms.countInTransit = true
            $0.terms.staleAfterNanoseconds = 1
            $0.terms.staleAction = .buffer(percent: 10)
        }
        var negative = PolicyOverride(skus: .all, location: "WH1")
        negative.staleAction = .withhold
        policy.overrides = [negative]
        var question = Question(policy)
        question.directory = makeDirectory(inactive: [5])
        var first = makePosition([.onHand: 10, .allocated: 60])
        first.sequence = 77
        question.put(1, first)
        question.put(2, makePosition([.onHand: 100, .reserved: 20, .inTransit: 5], authoritativeTime: 999_000_000_000))
        question.put(3, makePosition([.onHand: 1_000]))
        let (answer, terms) = try question.explanation()
        let told = terms.map { "\($0.location) \($0.kind) \($0.amount) \($0.result)" }
        #expect(
            told == [
                "2 onHand 100 100", "2 quarantined 0 100", "2 damaged 0 100", "2 allocated 0 100", "2 reserved -20 80",
                "2 releasing 0 80", "2 safetyStock 0 80", "2 sellable 0 80", "2 inTransit 5 85", "2 buffer -3 82",
                "2 share -40 42", "2 staleCut -5 37", "2 locationAvailable 0 37",
                "1 onHand 10 10", "1 quarantined 0 10", "1 damaged 0 10", "1 allocated -60 -50", "1 reserved 0 -50",
                "1 releasing 0 -50", "1 safetyStock 0 -50", "1 sellable 0 -50", "1 inTransit 0 -50", "1 buffer -3 -53",
                "1 share 0 -53", "1 clamp 53 0", "1 withheld 0 0", "1 locationAvailable 0 0",
                "4 noPosition 0 0", "5 locationInactive 0 0", "3 notEligible 0 0",
                "0 sum 0 37", "0 cap -17 20", "0 available 0 20",
            ])
        #expect(answer.available == 20)
        #expect(terms[0].ageMilliseconds == 1_000)
        #expect(terms[0].source == 1)
        #expect(terms[13].sequence == 77)
        #expect(terms.last?.sequence == nil)
        #expect(terms[9].setting == 3)
        #expect(terms[10].setting == 50)
    }

    @Test func oversellAndDegradationAreToldWhereTheyCount() throws {
        var question = Question(
            makePolicy {
                $0.terms.allowedOversell = 5
                $0.terms.buffer = .units(2)
                $0.degradationBuffer = .percent(10)
            })
        question.put(1, makePosition([.onHand: 30, .inTransit: 8]))
        let normal: [ExplanationTermKind] = [
            .onHand, .quarantined, .damaged, .allocated, .reserved, .releasing, .safetyStock, .sellable,
            .allowedOversell, .buffer, .locationAvailable, .sum, .available,
        ]
        #expect(try question.explanation().terms.map(\.kind) == normal)
        question.isDegraded = true
        let (answer, terms) = try question.explanation()
        var degraded = normal
        degraded.insert(.degradationBuffer, at: 10)
        #expect(terms.map(\.kind) == degraded)
        #expect(terms[8].amount == 5 && terms[8].setting == 5)
        // 10 % of 35, rounded up.
        #expect(terms[10].amount == -4 && terms[10].setting == 10)
        #expect(answer.available == 29)
    }

    @Test func aLocationNamedInVainIsExplained() throws {
        var question = Question(makePolicy())
        question.location = "WH3"
        question.knownSku = true
        let (_, terms) = try question.explanation()
        #expect(terms.map(\.kind) == [.notEligible, .sum, .available])
        #expect(terms[0].location == 3)
    }

    @Test func theFloorIsTold() throws {
        var question = Question(makePolicy { $0.floor = 9 })
        question.put(1, makePosition([.onHand: 8]))
        let (answer, terms) = try question.explanation()
        #expect(terms.suffix(3).map(\.kind) == [.sum, .floor, .available])
        #expect(answer.available == 0)
    }
}
