import Inventory
import Proto
import SwiftProtobuf

@testable import Services

/// Channel policies: any bytes give a policy or named violations; a policy that passes every check can be compiled and
/// reads back from the wire as it was written.
enum PolicyJudge {
    static func judge(_ input: [UInt8]) {
        guard let request = try? Availability_V1_UpdateChannelRequest(serializedBytes: input) else { return }
        var reader = PolicyReader()
        let policy = reader.read(request.channel.policy)
        for violation in reader.violations {
            expect(
                violation.field.hasPrefix("channel.policy") && !violation.description.isEmpty,
                "a violation names no field: \(violation)")
        }
        guard reader.violations.isEmpty else { return }
        do throws(PolicyError) {
            try policy.check()
        } catch {
            return expect(isTold(error), "an error names no field: \(error)")
        }
        compile(policy)

        let wire = Availability_V1_ChannelPolicy(policy)
        let again = (try? wire.serializedBytes() as [UInt8]).flatMap {
            try? Availability_V1_ChannelPolicy(serializedBytes: $0)
        }
        var second = PolicyReader()
        let reread = again.map { second.read($0) }
        expect(second.violations.isEmpty, "a policy of ours is refused: \(second.violations)")
        expect(reread == policy, "a policy reads otherwise than it was written")
    }

    private static func isTold(_ error: PolicyError) -> Bool {
        error.field.hasPrefix("policy") && !error.problem.isEmpty
    }

    /// With a directory that has every location the policy names.
    private static func compile(_ policy: ChannelPolicy) {
        let names = Set(policy.sourcing + policy.overrides.compactMap(\.location))
        let valid = names.filter { TextRules.problem($0, bytesMax: Limits.nameBytesMax) == nil }.sorted()
        let locations = valid.enumerated().map { Location(id: $1, number: LocationNumber($0 + 1)) }
        let directory: LocationDirectory
        do {
            directory = try LocationDirectory(locations: locations, groups: [], sources: [])
        } catch {
            fatalError("a directory of valid names is refused: \(error)")
        }
        let channel = Channel(
            id: "web", displayName: "", policyVersion: 1, updateTimeNanoseconds: 0, policy: policy)
        do throws(PolicyError) {
            let compiled = try CompiledChannel(channel, directory: directory)
            expect(compiled.sourcing.count <= policy.sourcing.count, "more to sell from than was named")
        } catch {
            expect(isTold(error), "an error names no field: \(error)")
        }
    }
}
