import Testing

@testable import Inventory

@Suite struct CompiledChannelTests {
    private func problem(_ change: (inout ChannelPolicy) -> Void) -> PolicyError? {
        do throws(PolicyError) {
            _ = try CompiledChannel(makeChannel(makePolicy(change)), directory: makeDirectory())
            return nil
        } catch {
            return error
        }
    }

    private func override(
        _ skus: PolicyOverride.Skus, _ location: String? = nil, _ change: (inout PolicyOverride) -> Void = { _ in }
    ) -> PolicyOverride {
        var override = PolicyOverride(skus: skus, location: location)
        change(&override)
        return override
    }

    @Test func aFieldOutOfItsRangeIsNamed() {
        let beyond = Limits.quantityMax + 1
        let cases: [(field: String?, change: (inout ChannelPolicy) -> Void)] = [
            (nil, { _ in }),
            ("policy.sourcing[1]", { $0.sourcing = ["WH1", "NOWHERE"] }),
            ("policy.sourcing[0]", { $0.sourcing = [""] }),
            ("policy.sourcing[1]", { $0.sourcing = ["WH1", "WH1"] }),
            ("policy.sourcing", { $0.sourcing = (0..<101).map { "X\($0)" } }),
            ("policy.share_percent", { $0.terms.sharePercent = 101 }),
            ("policy.share_percent", { $0.terms.sharePercent = -1 }),
            ("policy.buffer_units", { $0.terms.buffer = .units(-1) }),
            ("policy.buffer_units", { $0.terms.buffer = .units(beyond) }),
            ("policy.buffer_percent", { $0.terms.buffer = .percent(101) }),
            ("policy.safety_stock", { $0.terms.safetyStock = -1 }),
            ("policy.freshness.stale_after", { $0.terms.staleAfterNanoseconds = -1 }),
            ("policy.freshness.stale_buffer_percent", { $0.terms.staleAction = .buffer(percent: 101) }),
            ("policy.cap", { $0.cap = -1 }),
            ("policy.cap", { $0.cap = beyond }),
            (nil, { $0.cap = Limits.quantityMax }),
            ("policy.floor", { $0.floor = -1 }),
            ("policy.allowed_oversell", { $0.terms.allowedOversell = -1 }),
            ("policy.allowed_oversell", { $0.terms.allowedOversell = beyond }),
            (nil, { $0.terms.allowedOversell = Limits.quantityMax }),
            ("policy.degradation_buffer_units", { $0.degradationBuffer = .units(-1) }),
            ("policy.degradation_buffer_percent", { $0.degradationBuffer = .percent(101) }),
            (nil, { $0.throttle.readUnitsPerSecond = 1 }),
            ("policy.throttle.read_units_per_second", { $0.throttle.readUnitsPerSecond = -1 }),
            ("policy.throttle.read_units_burst", { $0.throttle.readUnitsBurst = -1 }),
            ("policy.throttle.calls_in_flight_max", { $0.throttle.callsInFlightMax = -1 }),
            (
                "policy.throttle.reservations_per_second",
                { $0.throttle.reservationsPerSecond = Limits.readUnitsMax + 1 }
            ),
            ("policy.throttle.reservations_burst", { $0.throttle.reservationsBurst = -1 }),
            ("policy.overrides", { $0.overrides = (0...1_000).map { PolicyOverride(skus: .sku("S\($0)")) } }),
            (nil, { $0.overrides = (0..<1_000).map { PolicyOverride(skus: .sku("S\($0)")) } }),
            ("policy.overrides[0].location", { $0.overrides = [PolicyOverride(skus: .all, location: "EAST")] }),
            ("policy.overrides[0].sku", { $0.overrides = [PolicyOverride(skus: .sku(""))] }),
            ("policy.overrides[0].sku_prefix", { $0.overrides = [PolicyOverride(skus: .prefix(""))] }),
            (
                "policy.overrides[0].sku",
                { $0.overrides = [PolicyOverride(skus: .sku(String(repeating: "x", count: 65)))] }
            ),
            (
                "policy.overrides[1]",
                { $0.overrides = [PolicyOverride(skus: .sku("A")), PolicyOverride(skus: .sku("A"))] }
            ),
            (nil, { $0.overrides = [PolicyOverride(skus: .sku("A")), PolicyOverride(skus: .prefix("A"))] }),
            (
                "policy.overrides[0].terms.share_percent",
                { $0.overrides = [self.override(.all) { $0.sharePercent = 101 }] }
            ),
            (
                "policy.overrides[0].terms.buffer_units",
                { $0.overrides = [self.override(.all) { $0.buffer = .units(-1) }] }
            ),
            (
                "policy.overrides[0].terms.allowed_oversell",
                { $0.overrides = [self.override(.all, "WH1") { $0.allowedOversell = -1 }] }
            ),
        ]
        for (index, item) in cases.enumerated() {
            #expect(problem(item.change)?.field == item.field, "case \(index)")
        }
    }

    @Test func sourcingOrderPutsMembersInPlaceOfGroupsEachOnce() throws {
        let directory = makeDirectory(groups: [
            LocationGroup(id: "EAST", members: ["WH5", "WH2", "WH3"]),
            LocationGroup(id: "ALL", members: ["WH3", "WH6"]),
        ])
        let policy = makePolicy { $0.sourcing = ["WH2", "EAST", "ALL"] }
        let channel = try CompiledChannel(makeChannel(policy), directory: directory)
        #expect(channel.sourcing == [2, 5, 3, 6])
        #expect(!channel.isEligible(1))
        #expect(channel.isEligible(6))
        #expect(!channel.isEligible(700))
    }

    @Test func theMoreSpecificOverrideWinsFieldByField() throws {
        let policy = makePolicy {
            $0.sourcing = ["WH1", "WH2"]
            $0.terms.sharePercent = 10
            $0.overrides = [
                override(.sku("SHOE-1"), "WH1") { $0.sharePercent = 90 },
                override(.sku("SHOE-1")) { $0.sharePercent = 80 },
                override(.prefix("SHOE-"), "WH2") { $0.safetyStock = 5 },
                override(.prefix("SHOE-")) { $0.sharePercent = 60 },
                override(.prefix("SH"), "WH1") {
                    $0.sharePercent = 50; $0.safetyStock = 4
                },
                override(.prefix("SH")) {
                    $0.sharePercent = 40; $0.countInTransit = true
                },
                override(.all, "WH1") {
                    $0.sharePercent = 30; $0.buffer = .units(7)
                },
                override(.all) {
                    $0.sharePercent = 20; $0.buffer = .units(6)
                },
            ]
        }
        let channel = try CompiledChannel(makeChannel(policy), directory: makeDirectory())
        func terms(_ sku: String, _ location: LocationNumber) throws -> PolicyTerms {
            try #require([UInt8](sku.utf8).withUnsafeBytes { channel.terms(sku: $0, location: location) })
        }
        let table: [(sku: String, location: LocationNumber, share: Int, safety: Int64, buffer: Int64, transit: Bool)] =
            [
                ("HAT", 1, 30, 0, 7, false), ("HAT", 2, 20, 0, 6, false),
                ("SHED", 1, 50, 4, 7, true), ("SHED", 2, 40, 0, 6, true),
                ("SHOE-2", 1, 60, 4, 7, true), ("SHOE-2", 2, 60, 5, 6, true),
                ("SHOE-1", 1, 90, 4, 7, true), ("SHOE-1", 2, 80, 5, 6, true),
                ("SHOE-12", 1, 60, 4, 7, true), ("SH", 1, 50, 4, 7, true), ("S", 1, 30, 0, 7, false),
            ]
        for row in table {
            let found = try terms(row.sku, row.location)
            #expect(found.sharePercent == row.share, "\(row)")
            #expect(found.safetyStock == row.safety, "\(row)")
            #expect(found.buffer == .units(row.buffer), "\(row)")
            #expect(found.countInTransit == row.transit, "\(row)")
        }
        #expect([UInt8]("HAT".utf8).withUnsafeBytes { channel.terms(sku: $0, location: 99) } == nil)
    }

    @Test func aPrefixOfSixtyFourBytesIsFound() throws {
        let sku = String(repeating: "x", count: 64)
        let policy = makePolicy { $0.overrides = [override(.prefix(sku)) { $0.sharePercent = 1 }] }
        let channel = try CompiledChannel(makeChannel(policy), directory: makeDirectory())
        let terms = [UInt8](sku.utf8).withUnsafeBytes { channel.terms(sku: $0, location: 1) }
        #expect(terms?.sharePercent == 1)
    }
}
