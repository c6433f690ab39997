import Inventory
import Proto
import SwiftProtobuf
import Testing

@testable import Services

@Suite struct PolicyMappingTests {
    private func reread(_ policy: ChannelPolicy) throws -> (policy: ChannelPolicy, violations: [FieldViolation]) {
        let bytes: [UInt8] = try Availability_V1_ChannelPolicy(policy).serializedBytes()
        var reader = PolicyReader()
        let reread = try reader.read(Availability_V1_ChannelPolicy(serializedBytes: bytes))
        return (reread, reader.violations)
    }

    /// A caller reads a channel, changes one field and writes it back: what it did not touch must stay.
    @Test(
        arguments: [
            (nil, .withhold), (900_000_000_000, nil), (0, nil), (0, .buffer(percent: 20)), (1, .refuse),
        ] as [(Int64?, StaleAction?)])
    func overridesFreshnessReadsBackAsItWasWritten(ageNanoseconds: Int64?, action: StaleAction?) throws {
        var override = PolicyOverride(skus: .prefix("A-"))
        override.staleAfterNanoseconds = ageNanoseconds
        override.staleAction = action
        var policy = ChannelPolicy()
        policy.overrides = [override]
        let (reread, violations) = try reread(policy)
        #expect(violations == [])
        #expect(reread == policy)
    }

    @Test func theTermsOfReservationsReadBackAsTheyWereWritten() throws {
        let changes: [(inout ChannelPolicy) -> Void] = [
            { _ in },
            { $0.terms.allowedOversell = 5 },
            { $0.holds.defaultTTLNanoseconds = 1_500_000_000 },
            { $0.holds.longestTTLNanoseconds = 400 * 86_400 * 1_000_000_000 },
            { $0.holds.customerUnitsMax = 1 },
            { $0.holds.customerHoldsMax = 4_294_967_295 },
            { $0.holds.writeMode = .behind },
            { $0.holds.erpWaitMaxNanoseconds = 0 },
            { $0.degradationBuffer = .units(3) },
            { $0.degradationBuffer = .percent(0) },
            {
                $0.throttle.reservationsPerSecond = 1_000_000_000
                $0.throttle.reservationsBurst = 7
            },
            {
                var override = PolicyOverride(skus: .sku("A"))
                override.allowedOversell = 0
                override.holds.defaultTTLNanoseconds = 1_000_000_000
                override.holds.longestTTLNanoseconds = 2_000_000_000
                override.holds.customerUnitsMax = 9
                override.holds.writeMode = .through
                override.holds.erpWaitMaxNanoseconds = 3
                $0.overrides = [override]
            },
        ]
        for (index, change) in changes.enumerated() {
            var policy = ChannelPolicy()
            change(&policy)
            let (reread, violations) = try reread(policy)
            #expect(violations == [], "case \(index)")
            #expect(reread == policy, "case \(index)")
        }
    }

    @Test func aPolicyThatSaysNothingOfHoldsHasTheContractsDefaults() {
        var reader = PolicyReader()
        let policy = reader.read(Availability_V1_ChannelPolicy())
        #expect(reader.violations == [])
        #expect(policy.holds == HoldTerms())
        #expect(policy.degradationBuffer == .units(0))
        #expect(policy.terms.allowedOversell == 0)
    }

    @Test func whatCannotBeReadOrHasNoEffectIsNamed() {
        let table: [(field: String, change: (inout Availability_V1_ChannelPolicy) -> Void)] = [
            ("default_ttl", { $0.defaultTtl.seconds = -1 }),
            ("longest_ttl", { $0.longestTtl.seconds = .max }),
            ("erp_wait_max", { $0.erpWaitMax.nanos = -1 }),
            ("write_mode", { $0.writeMode = .UNRECOGNIZED(9) }),
            ("degradation_buffer_percent", { $0.degradationBufferPercent = 101 }),
            ("overrides[0].terms.default_ttl", { $0.overrides = [.with { $0.terms.defaultTtl.nanos = -1 }] }),
            ("overrides[0].terms.write_mode", { $0.overrides = [.with { $0.terms.writeMode = .UNRECOGNIZED(9) }] }),
            ("overrides[0].terms.sourcing", { $0.overrides = [.with { $0.terms.sourcing = .init() }] }),
            ("overrides[0].terms.cap", { $0.overrides = [.with { $0.terms.cap = 1 }] }),
            ("overrides[0].terms.floor", { $0.overrides = [.with { $0.terms.floor = 1 }] }),
            ("overrides[0].terms.split_allowed", { $0.overrides = [.with { $0.terms.splitAllowed = true }] }),
        ]
        for row in table {
            var wire = Availability_V1_ChannelPolicy()
            row.change(&wire)
            var reader = PolicyReader()
            _ = reader.read(wire)
            #expect(reader.violations.map(\.field) == ["channel.policy.\(row.field)"], "\(row.field)")
        }
    }
}
