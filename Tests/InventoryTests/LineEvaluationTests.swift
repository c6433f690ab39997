import Testing

@testable import Inventory

@Suite struct LineEvaluationTests {
    private let second: Int64 = 1_000_000_000

    /// Asks for WH1 alone, with the position's figures just told.
    private func ask(
        _ policy: ChannelPolicy, _ buckets: [Bucket: Int64], openHolds: Int64 = 0, quantity: Int64 = 1
    ) throws -> LineAnswer {
        var question = Question(policy)
        question.quantity = quantity
        question.put(1, makePosition(buckets, authoritativeTime: question.now), openHolds: openHolds)
        return try question.answer()
    }

    @Test func everyBucketIsTakenOffOnce() throws {
        let buckets: [Bucket: Int64] = [
            .onHand: 1_000, .allocated: 1, .reserved: 2, .releasing: 4, .quarantined: 8, .damaged: 16,
            .safetyStock: 32, .inTransit: 10_000, .incoming: 20_000, .backordered: 40_000,
        ]
        #expect(try ask(makePolicy(), buckets).available == 1_000 - 63)
        #expect(try ask(makePolicy { $0.terms.countInTransit = true }, buckets).available == 11_000 - 63)
        #expect(try ask(makePolicy { $0.terms.safetyStock = 31 }, buckets).available == 1_000 - 63)
        #expect(try ask(makePolicy { $0.terms.safetyStock = 33 }, buckets).available == 1_000 - 64)
    }

    @Test func bufferAndShareAreTakenPerLocationAndRoundAgainstTheChannel() throws {
        let table: [(onHand: Int64, holds: Int64, buffer: StockBuffer, share: Int, available: Int64)] = [
            (10, 0, .units(0), 100, 10), (10, 0, .units(3), 100, 7), (10, 0, .units(11), 100, 0),
            // 5 % of 10 is half a unit: one is kept back.
            (10, 0, .percent(5), 100, 9), (10, 0, .percent(100), 100, 0), (0, 0, .percent(5), 100, 0),
            (-7, 0, .percent(50), 100, 0),
            (25, 0, .units(0), 40, 10), (9, 0, .units(0), 50, 4), (1, 0, .units(0), 99, 0), (10, 0, .units(0), 0, 0),
            // The share counts what the channel holds already: of 22 + 3, 40 % are 10, 3 of them taken.
            (22, 3, .units(0), 40, 7), (10, 10, .units(0), 50, 0), (10, 30, .units(0), 50, 0),
            // The smaller of both, not both after each other.
            (100, 0, .units(30), 50, 50), (100, 0, .units(60), 50, 40),
            (-10, 0, .units(0), 50, 0), (-10, 4, .units(0), 50, 0),
        ]
        for row in table {
            let policy = makePolicy {
                $0.terms.buffer = row.buffer
                $0.terms.sharePercent = row.share
            }
            #expect(try ask(policy, [.onHand: row.onHand], openHolds: row.holds).available == row.available, "\(row)")
        }
    }

    @Test func theSaleMayGoBeyondSellableByTheAllowedOversell() throws {
        let table:
            [(onHand: Int64, oversell: Int64, buffer: StockBuffer, share: Int, available: Int64, AvailabilityStatus)] =
                [
                    (10, 5, .units(0), 100, 15, .inStock), (0, 5, .units(0), 100, 5, .inStock),
                    (-3, 5, .units(0), 100, 2, .inStock), (-5, 5, .units(0), 100, 0, .outOfStock),
                    (-9, 5, .units(0), 100, 0, .outOfStock),
                    // Buffer and share are of what may be sold, oversell included.
                    (10, 5, .units(4), 100, 11, .inStock), (10, 10, .percent(10), 100, 18, .inStock),
                    (10, 10, .units(0), 50, 10, .inStock), (0, 5, .units(5), 100, 0, .outOfStock),
                    (1, 5, .units(6), 100, 0, .withheld),
                ]
        for row in table {
            let policy = makePolicy {
                $0.terms.allowedOversell = row.oversell
                $0.terms.buffer = row.buffer
                $0.terms.sharePercent = row.share
            }
            let answer = try ask(policy, [.onHand: row.onHand])
            #expect(answer.available == row.available, "\(row)")
            #expect(answer.status == row.5, "\(row)")
        }
    }

    @Test func anOverrideAllowsOversellForItsSkuAndLocation() throws {
        var policy = makePolicy {
            $0.sourcing = ["WH1", "WH2"]
            $0.terms.allowedOversell = 1
        }
        var everywhere = PolicyOverride(skus: .sku("A"))
        everywhere.allowedOversell = 10
        var here = PolicyOverride(skus: .sku("A"), location: "WH2")
        here.allowedOversell = 100
        policy.overrides = [everywhere, here]
        for (sku, available) in [("A", Int64(110)), ("B", 2)] {
            var question = Question(policy)
            question.sku = sku
            question.put(1, makePosition([:]))
            question.put(2, makePosition([:]))
            #expect(try question.answer().available == available)
        }
    }

    @Test func aDegradedChannelKeepsItsExtraBufferBackAtEachLocation() throws {
        let table: [(degradation: StockBuffer, buffer: StockBuffer, share: Int, normal: Int64, degraded: Int64)] = [
            (.units(0), .units(0), 100, 30, 30), (.units(4), .units(0), 100, 30, 22),
            (.units(4), .units(2), 100, 26, 18), (.units(15), .units(0), 100, 30, 5),
            // Percentages of one location's figure, each rounded up: 5 % of 20 and of 10 are 1 and 1.
            (.percent(5), .units(0), 100, 30, 28), (.percent(5), .percent(10), 100, 27, 25),
            (.percent(100), .units(0), 100, 30, 0),
            // The smaller of what the share and what the buffers leave.
            (.units(4), .units(0), 50, 15, 15), (.units(8), .units(0), 50, 15, 12),
        ]
        for row in table {
            for isDegraded in [false, true] {
                var question = Question(
                    makePolicy {
                        $0.sourcing = ["WH1", "WH2"]
                        $0.degradationBuffer = row.degradation
                        $0.terms.buffer = row.buffer
                        $0.terms.sharePercent = row.share
                    })
                question.isDegraded = isDegraded
                question.put(1, makePosition([.onHand: 20]))
                question.put(2, makePosition([.onHand: 10]))
                #expect(try question.answer().available == (isDegraded ? row.degraded : row.normal), "\(row)")
            }
        }
    }

    @Test func everyCountedLocationIsToldWithWhatAllMayTakeThere() throws {
        var question = Question(
            makePolicy {
                $0.sourcing = ["WH1", "WH2", "WH3", "WH4"]
                $0.cap = 1
                $0.terms.safetyStock = 3
                $0.terms.allowedOversell = 5
                $0.terms.sharePercent = 50
                $0.terms.countInTransit = true
                $0.terms.staleAfterNanoseconds = 60 * second
                $0.terms.staleAction = .withhold
            })
        question.directory = makeDirectory(inactive: [4])
        let fresh = question.now
        question.put(1, makePosition([.onHand: 20, .inTransit: 6], authoritativeTime: fresh), openHolds: 2)
        question.put(2, makePosition([.onHand: -10, .safetyStock: 4], authoritativeTime: fresh))
        question.put(3, makePosition([.onHand: 20], authoritativeTime: fresh - 61 * second))
        question.put(4, makePosition([.onHand: 20], authoritativeTime: fresh))
        question.put(5, makePosition([.onHand: 20], authoritativeTime: fresh))
        #expect(
            try question.contributions() == [
                Contribution(location: 1, figure: 13, sellable: 22), Contribution(location: 2, figure: 0, sellable: -9),
                Contribution(location: 3, figure: 0, sellable: 22, isWithheld: true),
            ])
    }

    @Test func aShareLimitsWhatAChannelTakesAndNotWhatIsLeftAgainAndAgain() throws {
        let policy = makePolicy { $0.terms.sharePercent = 50 }
        var held: Int64 = 0
        while true {
            let answer = try ask(policy, [.onHand: 100, .reserved: held], openHolds: held)
            if answer.available == 0 { break }
            held += min(10, answer.available)
        }
        #expect(held == 50)
    }

    @Test func aNegativeLocationTakesNothingFromAnother() throws {
        var question = Question(makePolicy { $0.sourcing = ["WH1", "WH2"] })
        question.put(1, makePosition([.onHand: -50]))
        question.put(2, makePosition([.onHand: 20]))
        #expect(try question.answer().available == 20)
    }

    @Test func floorThenCapAreAppliedToTheSum() throws {
        let table: [(a: Int64, b: Int64, floor: Int64, cap: Int64?, available: Int64, status: AvailabilityStatus)] = [
            (3, 4, 0, nil, 7, .inStock), (3, 4, 7, nil, 7, .inStock), (3, 4, 8, nil, 0, .withheld),
            (3, 4, 0, 5, 5, .inStock), (3, 4, 7, 5, 5, .inStock), (3, 4, 0, 0, 0, .withheld),
            (0, 0, 0, 5, 0, .outOfStock), (-3, 0, 0, nil, 0, .outOfStock),
        ]
        for row in table {
            var question = Question(
                makePolicy {
                    $0.sourcing = ["WH1", "WH2"]; $0.floor = row.floor; $0.cap = row.cap
                })
            question.put(1, makePosition([.onHand: row.a]))
            question.put(2, makePosition([.onHand: row.b]))
            let answer = try question.answer()
            #expect(answer.available == row.available, "\(row)")
            #expect(answer.status == row.status, "\(row)")
        }
    }

    @Test func theStatusTellsWhatTheNumberMeansForTheQuantity() throws {
        let table: [(a: Int64, b: Int64, quantity: Int64, split: Bool, status: AvailabilityStatus)] = [
            (5, 5, 1, true, .inStock), (5, 5, 10, true, .inStock), (5, 5, 11, true, .limited),
            (5, 5, 6, false, .limited), (5, 5, 5, false, .inStock), (1, 9, 9, false, .inStock),
            (0, 0, 1, true, .outOfStock),
        ]
        for row in table {
            var question = Question(
                makePolicy {
                    $0.sourcing = ["WH1", "WH2"]; $0.splitAllowed = row.split
                })
            question.quantity = row.quantity
            question.put(1, makePosition([.onHand: row.a]))
            question.put(2, makePosition([.onHand: row.b]))
            #expect(try question.answer().status == row.status, "\(row)")
        }
    }

    @Test func withheldMeansThatPolicyKeepsStockBack() throws {
        #expect(try ask(makePolicy { $0.terms.buffer = .units(9) }, [.onHand: 9]).status == .withheld)
        #expect(try ask(makePolicy { $0.terms.safetyStock = 9 }, [.onHand: 9]).status == .withheld)
        #expect(try ask(makePolicy { $0.terms.sharePercent = 0 }, [.onHand: 9]).status == .withheld)
        // The position's own safety stock is no policy: there is nothing to sell.
        #expect(try ask(makePolicy(), [.onHand: 9, .safetyStock: 9]).status == .outOfStock)
        #expect(try ask(makePolicy { $0.terms.buffer = .units(9) }, [.onHand: 9, .reserved: 9]).status == .outOfStock)
    }

    @Test func aSkuIsUnknownOnlyWithoutAnyPositionAnywhere() throws {
        var question = Question(makePolicy())
        #expect(try question.answer().status == .unknownSku)
        question.knownSku = true
        #expect(try question.answer().status == .outOfStock)
        question.knownSku = false
        question.put(6, makePosition([.onHand: 5]))
        #expect(try question.answer().status == .outOfStock)
        #expect(try question.answer().ageMilliseconds == 0)
        #expect(try question.answer().isStale == false)
    }

    @Test func ineligibleAndInactiveLocationsSellNothing() throws {
        let groups = [LocationGroup(id: "G", members: ["WH1", "WH2", "WH3"])]
        let table: [(location: String, available: Int64, status: AvailabilityStatus)] = [
            ("", 1, .inStock), ("WH1", 1, .inStock), ("G", 1, .inStock),
            // Named outright: stock is there, policy or the location's state keeps it back.
            ("WH2", 0, .withheld), ("WH3", 0, .withheld), ("WH4", 0, .outOfStock),
        ]
        for row in table {
            var question = Question(makePolicy { $0.sourcing = ["WH1", "WH3"] })
            question.directory = makeDirectory(inactive: [3], groups: groups)
            question.location = row.location
            question.put(1, makePosition([.onHand: 1]))
            question.put(2, makePosition([.onHand: 10]))
            question.put(3, makePosition([.onHand: 100]))
            let answer = try question.answer()
            #expect(answer.available == row.available, "\(row)")
            #expect(answer.status == row.status, "\(row)")
        }
        var elsewhere = Question(makePolicy { $0.sourcing = ["WH1", "WH3"] })
        elsewhere.directory = makeDirectory(inactive: [3], groups: groups)
        elsewhere.put(2, makePosition([.onHand: 10]))
        elsewhere.put(3, makePosition([.onHand: 10]))
        #expect(try elsewhere.answer().status == .outOfStock)
        elsewhere.location = "G"
        #expect(try elsewhere.answer().status == .withheld)
    }

    @Test func aPositionUntouchedForThreeDaysIsFreshWhileItsSourceIsAlive() throws {
        let day = 86_400 * second
        var question = Question(makePolicy { $0.terms.staleAfterNanoseconds = 60 * second })
        question.now = 10 * day
        question.directory = makeDirectory(owners: [1: "wms"])
        question.put(1, makePosition([.onHand: 5], authoritativeTime: 7 * day))
        question.watermarks = [0, 10 * day, 0]
        // The ERP's live stream does not vouch for the WMS's stalled one.
        #expect(try question.answer().isStale)
        #expect(try question.answer().ageMilliseconds == 3 * 86_400_000)
        question.watermarks = [0, 0, 10 * day - 5 * second]
        #expect(try question.answer().isStale == false)
        #expect(try question.answer().ageMilliseconds == 5_000)
        // Without an owner, who told the figures vouches for them.
        question.directory = makeDirectory()
        question.watermarks = [0, 10 * day + second, 0]
        #expect(try question.answer().ageMilliseconds == 0)
        question.watermarks = []
        #expect(try question.answer().ageMilliseconds == 3 * 86_400_000)
    }

    @Test func staleLocationsAreTreatedAsThePolicySays() throws {
        let table: [(action: StaleAction, age: Int64, available: Int64, status: AvailabilityStatus, refused: Bool)] = [
            (.serve, 60, 10, .inStock, false), (.serve, 61, 10, .inStock, false),
            (.buffer(percent: 25), 60, 10, .inStock, false), (.buffer(percent: 25), 61, 7, .inStock, false),
            (.buffer(percent: 100), 61, 0, .withheld, false),
            (.withhold, 60, 10, .inStock, false), (.withhold, 61, 0, .withheld, false),
            (.refuse, 60, 10, .inStock, false), (.refuse, 61, 0, .withheld, true),
        ]
        for row in table {
            var question = Question(
                makePolicy {
                    $0.terms.staleAfterNanoseconds = 60 * second
                    $0.terms.staleAction = row.action
                })
            question.put(1, makePosition([.onHand: 10], authoritativeTime: question.now - row.age * second))
            let answer = try question.answer()
            #expect(answer.available == row.available, "\(row)")
            #expect(answer.status == row.status, "\(row)")
            #expect(answer.isStale == (row.age > 60), "\(row)")
            let refusal = StaleRefusal(
                location: 1, ageNanoseconds: row.age * second, thresholdNanoseconds: 60 * second)
            #expect(answer.refused == (row.refused ? refusal : nil), "\(row)")
        }
    }

    @Test func onlyTheStaleLocationIsCutAndTheLineIsAsOldAsItsOldest() throws {
        var question = Question(
            makePolicy {
                $0.sourcing = ["WH1", "WH2"]
                $0.terms.staleAfterNanoseconds = 60 * second
                $0.terms.staleAction = .withhold
            })
        question.put(1, makePosition([.onHand: 10], authoritativeTime: question.now - 90 * second))
        question.put(2, makePosition([.onHand: 3], authoritativeTime: question.now - 2 * second))
        let answer = try question.answer()
        #expect(answer.available == 3)
        #expect(answer.isStale)
        #expect(answer.ageMilliseconds == 90_000)
    }

    @Test func aCallersLimitOnlyTightens() throws {
        // own threshold (s), action, caller's limit (s), age (s) → stale, available, refused at (s)
        let table: [(own: Int64, StaleAction, caller: Int64?, age: Int64, stale: Bool, available: Int64, at: Int64?)] =
            [
                (60, .withhold, 600, 61, true, 0, nil), (60, .withhold, 30, 31, true, 0, nil),
                (60, .withhold, 30, 30, false, 10, nil), (60, .buffer(percent: 50), 30, 31, true, 5, nil),
                (60, .refuse, 30, 31, true, 0, 30), (60, .refuse, 600, 61, true, 0, 60),
                // Whoever named a limit does not get older figures silently.
                (60, .serve, 30, 31, true, 0, 30), (60, .serve, 30, 30, false, 10, nil),
                (60, .serve, 600, 61, true, 10, nil), (60, .serve, nil, 61, true, 10, nil),
                (0, .serve, 30, 31, true, 0, 30), (0, .withhold, 30, 31, true, 0, 30),
                (0, .serve, nil, 31, false, 10, nil),
                (0, .serve, 0, 0, false, 10, nil), (0, .serve, 0, 1, true, 0, 0),
            ]
        for row in table {
            var question = Question(
                makePolicy {
                    $0.terms.staleAfterNanoseconds = row.own * second
                    $0.terms.staleAction = row.1
                })
            question.maxStaleness = row.caller.map { $0 * second }
            question.put(1, makePosition([.onHand: 10], authoritativeTime: question.now - row.age * second))
            let answer = try question.answer()
            #expect(answer.isStale == row.stale, "\(row)")
            #expect(answer.available == row.available, "\(row)")
            #expect(answer.refused?.thresholdNanoseconds == row.at.map { $0 * second }, "\(row)")
        }
    }

    @Test func theGreatestFiguresDoNotOverflow() throws {
        let most = Limits.bucketMax
        let policy = makePolicy {
            $0.sourcing = ["WH1", "WH2"]
            $0.terms.sharePercent = 99
            $0.terms.buffer = .percent(100)
            $0.terms.countInTransit = true
            $0.terms.safetyStock = Limits.quantityMax
            $0.terms.allowedOversell = Limits.quantityMax
            $0.degradationBuffer = .percent(100)
        }
        for sign in [Int64(1), -1] {
            var position = Position()
            for bucket in Bucket.allCases { position.buckets[bucket] = -sign * most }
            position.buckets[.onHand] = sign * most
            position.buckets[.inTransit] = sign * most
            var question = Question(policy)
            question.put(1, position, openHolds: most)
            question.put(2, position, openHolds: -most)
            question.isDegraded = true
            #expect(try question.answer().available >= 0)
        }
    }
}
