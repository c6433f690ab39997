import Inventory
import Proto
import SwiftProtobuf
import Testing

@testable import Services

@Suite struct PolicyMappingTests {
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
        let bytes: [UInt8] = try Availability_V1_ChannelPolicy(policy).serializedBytes()
        var reader = PolicyReader()
        let reread = try reader.read(Availability_V1_ChannelPolicy(serializedBytes: bytes))
        #expect(reader.violations == [])
        #expect(reread == policy)
    }
}
