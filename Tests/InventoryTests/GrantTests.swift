import Testing

@testable import Inventory

/// Lines wished of a channel, over stock at WH1, WH2, … in this order.
private struct Wish {
    var policy = makePolicy { $0.sourcing = ["WH1", "WH2", "WH3"] }
    var allowsPartial = false
    var customer: CustomerStanding?
    var lines: [GrantLine] = []
    /// By sku, units at WH1, WH2, …
    var stock: [String: [Int64]] = [:]
    var authoritativeTime: WallNanoseconds = 1
    var openHolds: Int64 = 0

    func plan() throws -> GrantPlan {
        let channel = try CompiledChannel(makeChannel(policy), directory: makeDirectory())
        var planner = GrantPlanner(
            channel: channel, watermarks: SourceWatermarks([]), isDegraded: false, nowNanoseconds: 1_000_000_000_000,
            allowsPartial: allowsPartial, customer: customer)
        var plan = GrantPlan()
        for (index, line) in lines.enumerated() {
            let positions = (stock[line.sku] ?? []).enumerated().map { place, units in
                GrantStock(
                    location: LocationNumber(place + 1),
                    figures: StockFigures(makePosition([.onHand: units], authoritativeTime: authoritativeTime)),
                    openHolds: openHolds)
            }
            planner.plan(line, at: index, stock: positions, into: &plan)
        }
        return plan
    }
}

private func line(_ sku: String, _ quantity: Int64, at scope: LocationScope = .all) -> GrantLine {
    GrantLine(sku: sku, scope: scope, quantity: quantity)
}

private func part(_ index: Int, _ location: LocationNumber, _ quantity: Int64) -> GrantPart {
    GrantPart(lineIndex: index, location: location, quantity: quantity)
}

@Suite struct GrantTests {
    @Test func theFirstLocationThatHasItAllServes() throws {
        let plan = try Wish(lines: [line("A", 5)], stock: ["A": [4, 9, 9]]).plan()
        #expect(plan.parts == [part(0, 2, 5)])
        #expect(plan.shortages.isEmpty)
    }

    @Test func aLineIsSplitOnlyWhereThePolicyAllows() throws {
        var wish = Wish(lines: [line("A", 10)], stock: ["A": [4, 3, 5]])
        #expect(try wish.plan().parts == [part(0, 1, 4), part(0, 2, 3), part(0, 3, 3)])
        wish.policy.splitAllowed = false
        let plan = try wish.plan()
        #expect(plan.parts.isEmpty)
        #expect(plan.shortages.first?.reason == .insufficientStock)
        #expect(plan.shortages.first?.available == 5)
    }

    @Test func twoLinesOfOneSkuCountTogether() throws {
        let plan = try Wish(lines: [line("A", 3), line("A", 3)], stock: ["A": [5]]).plan()
        #expect(plan.parts == [part(0, 1, 3)])
        #expect(plan.shortages.first?.lineIndex == 1)
        #expect(plan.shortages.first?.available == 2)
    }

    @Test func whereAPartIsWelcomeTheMostIsGranted() throws {
        var wish = Wish(allowsPartial: true, lines: [line("A", 9), line("B", 1)], stock: ["A": [4, 3]])
        var plan = try wish.plan()
        #expect(plan.parts == [part(0, 1, 4), part(0, 2, 3)])
        #expect(plan.shortages.map(\.lineIndex) == [0, 1])
        wish.policy.splitAllowed = false
        plan = try wish.plan()
        #expect(plan.parts == [part(0, 1, 4)])
    }

    @Test func theCapHidesStockAndDoesNotKeepItFromBeingHeld() throws {
        var wish = Wish(lines: [line("A", 8)], stock: ["A": [10]])
        wish.policy.cap = 2
        #expect(try wish.plan().parts == [part(0, 1, 8)])
    }

    @Test func bufferShareAndFloorKeepFromBeingHeld() throws {
        var wish = Wish(lines: [line("A", 8)], stock: ["A": [10]])
        wish.policy.terms.buffer = .units(3)
        #expect(try wish.plan().shortages.first?.reason == .channelAllocationExhausted)
        wish.policy.terms.buffer = .units(0)
        wish.policy.terms.sharePercent = 50
        wish.openHolds = 2
        // floor(50 % of (10 + 2)) − 2
        #expect(try wish.plan().shortages.first?.available == 4)
        wish.policy.terms.sharePercent = 100
        wish.policy.floor = 11
        #expect(try wish.plan().shortages.first?.available == 0)
    }

    @Test func stockInTransitIsShownAndNotPromisedBeyondWhatIsThere() throws {
        let channel = try CompiledChannel(
            makeChannel(makePolicy { $0.terms.countInTransit = true }), directory: makeDirectory())
        var planner = GrantPlanner(
            channel: channel, watermarks: SourceWatermarks([]), isDegraded: false, nowNanoseconds: 1,
            allowsPartial: true, customer: nil)
        var plan = GrantPlan()
        let figures = StockFigures(makePosition([.onHand: 2, .inTransit: 5]))
        planner.plan(
            line("A", 7), at: 0, stock: [GrantStock(location: 1, figures: figures, openHolds: 0)], into: &plan)
        #expect(plan.granted == 2)
    }

    @Test func oversellIsGrantedSoFarAndNoFurther() throws {
        var wish = Wish(lines: [line("A", 12)], stock: ["A": [10]])
        wish.policy.terms.allowedOversell = 2
        #expect(try wish.plan().granted == 12)
        wish.lines = [line("A", 13)]
        #expect(try wish.plan().granted == 0)
    }

    @Test func otherLocationsThatCouldServeAreNamed() throws {
        let plan = try Wish(lines: [line("A", 5, at: .one(1))], stock: ["A": [4, 9, 5]]).plan()
        #expect(plan.shortages.first?.alternatives == ["WH2", "WH3"])
    }

    @Test func oldFiguresAreNotHeldByWhereThePolicyWithholdsThem() throws {
        var wish = Wish(lines: [line("A", 5)], stock: ["A": [9]])
        wish.policy.terms.staleAfterNanoseconds = 1_000
        wish.policy.terms.staleAction = .withhold
        #expect(try wish.plan().shortages.first?.reason == .staleData(nil))
        wish.policy.terms.staleAction = .serve
        #expect(try wish.plan().granted == 5)
        wish.policy.terms.staleAction = .refuse
        guard case .staleData(let refusal?)? = try wish.plan().shortages.first?.reason else {
            Issue.record("a refusal names the location")
            return
        }
        #expect(refusal.location == 1)
    }

    @Test func aCustomerHoldsNoMoreUnitsThanItMay() throws {
        var wish = Wish(lines: [line("A", 3), line("A", 2)], stock: ["A": [100]])
        wish.policy.holds.customerUnitsMax = 10
        wish.customer = CustomerStanding(holds: 1, units: ["A": 6])
        let plan = try wish.plan()
        #expect(plan.parts == [part(0, 1, 3)])
        #expect(plan.shortages.first?.reason == .holdLimitReached)
        #expect(plan.shortages.first?.available == 1)
        wish.allowsPartial = true
        #expect(try wish.plan().granted == 4)
    }

    @Test func anUnknownSkuHasNothing() throws {
        let plan = try Wish(lines: [line("A", 1)]).plan()
        #expect(plan.granted == 0)
        #expect(plan.shortages.first?.text == "nothing is known of A")
    }
}
