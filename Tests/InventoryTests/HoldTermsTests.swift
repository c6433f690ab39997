import Testing

@testable import Inventory

@Suite struct HoldTermsTests {
    private let second: Int64 = 1_000_000_000

    private func problem(_ policy: ChannelPolicy) -> PolicyError? {
        do throws(PolicyError) {
            _ = try CompiledChannel(makeChannel(policy), directory: makeDirectory())
            return nil
        } catch {
            return error
        }
    }

    private func override(
        _ skus: PolicyOverride.Skus, _ location: String? = nil, _ change: (inout HoldOverride) -> Void
    ) -> PolicyOverride {
        var override = PolicyOverride(skus: skus, location: location)
        change(&override.holds)
        return override
    }

    @Test func aChannelThatSaysNothingHasTheContractsTerms() {
        let terms = HoldTerms()
        #expect(terms.defaultTTLNanoseconds == 900 * second)
        #expect(terms.longestTTLNanoseconds == 86_400 * second)
        #expect(terms.customerUnitsMax == nil)
        #expect(terms.customerHoldsMax == nil)
        #expect(terms.writeMode == .through)
        #expect(terms.erpWaitMaxNanoseconds == nil)
    }

    @Test func aTermOutOfItsRangeIsNamed() {
        let day = 86_400 * second
        let cases: [(field: String?, change: (inout HoldTerms) -> Void)] = [
            (nil, { _ in }),
            (nil, { $0.defaultTTLNanoseconds = self.second }),
            ("default_ttl", { $0.defaultTTLNanoseconds = self.second - 1 }),
            ("default_ttl", { $0.defaultTTLNanoseconds = day + 1 }),
            (
                nil,
                {
                    $0.defaultTTLNanoseconds = 400 * day
                    $0.longestTTLNanoseconds = 400 * day
                }
            ),
            ("longest_ttl", { $0.longestTTLNanoseconds = 400 * day + 1 }),
            ("longest_ttl", { $0.longestTTLNanoseconds = 0 }),
            ("default_ttl", { $0.longestTTLNanoseconds = 60 * self.second }),
            (nil, { $0.customerUnitsMax = 1 }),
            (nil, { $0.customerUnitsMax = 1_000_000_000_000 }),
            ("customer_units_max", { $0.customerUnitsMax = 0 }),
            ("customer_units_max", { $0.customerUnitsMax = 1_000_000_000_001 }),
            (nil, { $0.customerHoldsMax = 4_294_967_295 }),
            ("customer_holds_max", { $0.customerHoldsMax = 0 }),
            ("customer_holds_max", { $0.customerHoldsMax = 4_294_967_296 }),
            (nil, { $0.erpWaitMaxNanoseconds = 0 }),
            (nil, { $0.erpWaitMaxNanoseconds = 60 * self.second }),
            ("erp_wait_max", { $0.erpWaitMaxNanoseconds = -1 }),
            ("erp_wait_max", { $0.erpWaitMaxNanoseconds = 60 * self.second + 1 }),
        ]
        for (index, item) in cases.enumerated() {
            let found = problem(makePolicy { item.change(&$0.holds) })
            #expect(found?.field == item.field.map { "policy.\($0)" }, "case \(index)")
        }
    }

    @Test func anOverridesTermOutOfItsRangeOrWithALocationIsNamed() {
        let cases: [(field: String?, override: PolicyOverride)] = [
            (nil, override(.sku("A")) { $0.longestTTLNanoseconds = self.second }),
            ("default_ttl", override(.sku("A")) { $0.defaultTTLNanoseconds = 0 }),
            (
                "default_ttl",
                override(.all) {
                    $0.defaultTTLNanoseconds = 2 * self.second
                    $0.longestTTLNanoseconds = self.second
                }
            ),
            ("customer_units_max", override(.prefix("A")) { $0.customerUnitsMax = 0 }),
            ("erp_wait_max", override(.all) { $0.erpWaitMaxNanoseconds = -1 }),
            ("default_ttl", override(.sku("A"), "WH1") { $0.defaultTTLNanoseconds = self.second }),
            ("longest_ttl", override(.sku("A"), "WH1") { $0.longestTTLNanoseconds = self.second }),
            ("customer_units_max", override(.prefix("A"), "WH1") { $0.customerUnitsMax = 1 }),
            ("write_mode", override(.all, "WH1") { $0.writeMode = .behind }),
            ("erp_wait_max", override(.all, "WH1") { $0.erpWaitMaxNanoseconds = 0 }),
        ]
        for (index, item) in cases.enumerated() {
            let found = problem(makePolicy { $0.overrides = [item.override] })
            #expect(found?.field == item.field.map { "policy.overrides[0].terms.\($0)" }, "case \(index)")
        }
    }

    @Test func theMoreSpecificOverrideWinsTermByTerm() throws {
        let policy = makePolicy {
            $0.holds.defaultTTLNanoseconds = 100 * second
            $0.holds.longestTTLNanoseconds = 1_000 * second
            $0.holds.customerHoldsMax = 3
            $0.overrides = [
                override(.sku("SHOE-1")) { $0.customerUnitsMax = 4 },
                override(.prefix("SHOE-")) {
                    $0.customerUnitsMax = 3
                    $0.writeMode = .behind
                },
                override(.prefix("SH")) {
                    $0.customerUnitsMax = 2
                    $0.longestTTLNanoseconds = 50 * second
                },
                override(.all) {
                    $0.defaultTTLNanoseconds = 200 * second
                    $0.customerUnitsMax = 1
                    $0.erpWaitMaxNanoseconds = second
                },
                PolicyOverride(skus: .sku("SHED-1"), location: "WH1"),
            ]
        }
        let channel = try CompiledChannel(makeChannel(policy), directory: makeDirectory())
        let table: [(sku: String, defaultTTL: Int64, longestTTL: Int64, units: Int64, mode: WriteMode)] = [
            ("HAT", 200, 1_000, 1, .through), ("S", 200, 1_000, 1, .through),
            // The longest is shortened below the default, which follows it.
            ("SHED", 50, 50, 2, .through), ("SHED-1", 50, 50, 2, .through),
            ("SHOE-2", 50, 50, 3, .behind), ("SHOE-1", 50, 50, 4, .behind), ("SHOE-12", 50, 50, 3, .behind),
        ]
        for row in table {
            let found = [UInt8](row.sku.utf8).withUnsafeBytes { channel.holdTerms(sku: $0) }
            #expect(found.defaultTTLNanoseconds == row.defaultTTL * second, "\(row)")
            #expect(found.longestTTLNanoseconds == row.longestTTL * second, "\(row)")
            #expect(found.customerUnitsMax == row.units, "\(row)")
            #expect(found.writeMode == row.mode, "\(row)")
            #expect(found.erpWaitMaxNanoseconds == second, "\(row)")
            #expect(found.customerHoldsMax == 3, "\(row)")
        }
    }

    @Test func withoutOverridesTheChannelsOwnTermsHold() throws {
        let policy = makePolicy {
            $0.holds.customerUnitsMax = 7
            $0.splitAllowed = false
            $0.floor = 5
        }
        let channel = try CompiledChannel(makeChannel(policy), directory: makeDirectory())
        #expect([UInt8]("A".utf8).withUnsafeBytes { channel.holdTerms(sku: $0) } == policy.holds)
        #expect(!channel.splitAllowed)
        #expect(channel.floor == 5)
    }
}
