import Proto
import SwiftProtobuf
import Testing

/// What reflection serves: the descriptors as generated.
@Suite struct DescriptorSetTests {
    private let set: Google_Protobuf_FileDescriptorSet

    init() throws {
        set = try Google_Protobuf_FileDescriptorSet(serializedBytes: DescriptorSet.bytes())
    }

    @Test func everyFileComesAfterThoseItImports() {
        var seen: Set<String> = []
        for file in set.file {
            #expect(seen.isSuperset(of: file.dependency), "\(file.name)")
            #expect(seen.insert(file.name).inserted, "\(file.name)")
        }
    }

    @Test func everyServiceOfTheContractIsDescribed() {
        let services = set.file.flatMap { file in file.service.map { "\(file.package).\($0.name)" } }
        #expect(
            Set(services) == [
                "availability.v1.AvailabilityService", "availability.v1.ReservationService",
                "availability.v1.InventoryFeedService", "availability.v1.PolicyService",
                "availability.v1.OperationsService", "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
            ])
    }

    @Test func onlyCheckAvailabilityIsMarkedToHaveNoSideEffects() {
        let methods = set.file.flatMap(\.service).flatMap(\.method)
        let marked = methods.filter { $0.options.idempotencyLevel == .noSideEffects }
        #expect(marked.map(\.name) == ["CheckAvailability"])
    }

    /// The field numbers and types that the contract gives, and so for ever.
    @Test(
        arguments: [
            ("CheckAvailabilityRequest", ["channel": 1, "lines": 2, "max_staleness": 3, "customer": 4]),
            ("CheckAvailabilityLine", ["sku": 1, "location": 2, "quantity": 3]),
            ("CheckAvailabilityResponse", ["lines": 1, "policy_version": 2, "sequence": 3, "epoch": 4]),
            ("ExplainAvailabilityRequest", ["channel": 1, "lines": 2, "max_staleness": 3, "customer": 4]),
            (
                "AvailabilityLine",
                ["sku": 1, "location": 2, "available": 3, "status": 4, "freshness": 5, "age_ms": 6]
            ),
        ] as [(String, [String: Int32])])
    func theFieldNumbersAreFixedOf(message name: String, fields: [String: Int32]) throws {
        let messages = set.file.filter { $0.package == "availability.v1" }.flatMap(\.messageType)
        let message = try #require(messages.first { $0.name == name })
        #expect(Dictionary(uniqueKeysWithValues: message.field.map { ($0.name, $0.number) }) == fields)
    }
}
