import ArgumentParser
import Foundation
import Proto
import SwiftProtobuf
import Testing

@testable import AvailCommands

struct LineArgumentTests {
    @Test(arguments: [
        ("A", LineArgument(sku: "A")), ("A@WH1", LineArgument(sku: "A", location: "WH1")),
        ("A=3", LineArgument(sku: "A", quantity: 3)),
        ("A@EAST=3", LineArgument(sku: "A", location: "EAST", quantity: 3)),
        ("a@b@WH1", LineArgument(sku: "a@b", location: "WH1")),
        ("Größe 42@WH1", LineArgument(sku: "Größe 42", location: "WH1")),
    ])
    func linesAreRead(_ text: String, _ expected: LineArgument) {
        #expect(LineArgument(argument: text) == expected)
    }

    @Test(arguments: ["", "@WH1", "A@", "A=", "A=0", "A=-1", "A=x", "=3", "A@=3", "A=9999999999999999999"])
    func otherLinesAreRefused(_ text: String) {
        #expect(LineArgument(argument: text) == nil)
    }

    @Test func anAbsentQuantityStaysAbsent() {
        #expect(!LineArgument(sku: "A").message.hasQuantity)
        #expect(LineArgument(sku: "A", quantity: 2).message.quantity == 2)
    }
}

struct ArgumentValueTests {
    @Test(
        arguments: [
            ("500ms", 500_000_000), ("30s", 30_000_000_000), ("2d", 172_800_000_000_000),
        ] as [(String, Int64)])
    func durationsAreRead(_ text: String, _ nanoseconds: Int64) {
        #expect(DurationArgument(argument: text)?.nanoseconds == nanoseconds)
    }

    @Test(arguments: ["", "5", "s", "-1s", "1w", "99999999999d"])
    func otherDurationsAreRefused(_ text: String) {
        #expect(DurationArgument(argument: text) == nil)
    }

    @Test(arguments: ["position-snapshot", "POSITION_SNAPSHOT", "Position_Snapshot"])
    func eventTypesAreReadInAnySpelling(_ text: String) {
        #expect(EventTypeArgument(argument: text)?.type == .positionSnapshot)
    }

    @Test func everyEventTypeHasAName() {
        for type in Availability_V1_InventoryEventType.allCases where type != .unspecified {
            #expect(EventTypeArgument(argument: type.shortName)?.type == type)
        }
        #expect(EventTypeArgument(argument: "unspecified") == nil)
        #expect(EventTypeArgument(argument: "nonsense") == nil)
    }

    @Test(arguments: [
        ("127.0.0.1:50051", "127.0.0.1", 50_051), ("[::1]:1", "::1", 1),
        ("shop.example.org:443", "shop.example.org", 443),
    ])
    func addressesAreRead(_ text: String, _ host: String, _ port: Int) {
        #expect(ServerAddress(text)?.host == host)
        #expect(ServerAddress(text)?.port == port)
    }

    @Test(arguments: ["", "host", "host:", "host:0", "host:70000", "::1:80", "[host]:80"])
    func otherAddressesAreRefused(_ text: String) {
        #expect(ServerAddress(text) == nil)
    }
}

struct EnvironmentArgumentsTests {
    private func complete(_ arguments: [String], _ environment: [String: String]) throws -> [String] {
        let reader = try #require(EnvironmentArguments(help: Avail._dumpHelp()))
        return reader.completing(arguments, from: environment)
    }

    @Test func anOptionNotGivenComesFromTheEnvironment() throws {
        let environment = ["AVAIL_CHANNEL": "web", "AVAIL_TLS_CA": "ca.pem", "AVAIL_SKU": "B"]
        let completed = try complete(["check", "A"], environment)
        #expect(completed.first == "check" && completed.last == "A")
        #expect(completed.contains(["--channel", "web"]))
        #expect(completed.contains(["--tls-ca", "ca.pem"]))
        #expect(completed.count == 6)
    }

    @Test func aGivenOptionWins() throws {
        let given = ["check", "--channel=b2b", "A"]
        #expect(try complete(given, ["AVAIL_CHANNEL": "web"]) == given)
        #expect(try complete(["status", "-o", "json"], ["AVAIL_OUTPUT": "table"]) == ["status", "-o", "json"])
        #expect(try complete(["status"], ["AVAIL_OUTPUT": "json"]) == ["status", "--output", "json"])
    }

    @Test func flagsAreSetAndInverted() throws {
        #expect(try complete(["status"], ["AVAIL_TLS": "1"]) == ["status", "--tls"])
        #expect(try complete(["status"], ["AVAIL_TLS": "false"]) == ["status"])
        let completed = try complete(["channel", "set", "web"], ["AVAIL_SPLIT_ALLOWED": "false"])
        #expect(completed == ["channel", "set", "--no-split-allowed", "web"])
    }

    @Test func commandsWithoutOptionsStayAsTheyAre() throws {
        #expect(try complete([], ["AVAIL_CHANNEL": "web"]) == [])
        #expect(try complete(["nonsense"], ["AVAIL_CHANNEL": "web"]) == ["nonsense"])
    }
}

struct CommandParsingTests {
    @Test func everyCommandParses() throws {
        for arguments in [
            ["check", "A@WH1=2"], ["explain", "A", "--channel", "web"],
            ["schedule", "A=40", "--until", "2026-12-31T00:00:00Z"], ["event", "publish", "--type", "adjustment"],
            ["event", "publish", "-f", "-"], ["channel", "list"], ["channel", "show", "web"],
            ["channel", "set", "web", "--share-percent", "40", "--no-split-allowed"], ["position", "get", "A", "WH1"],
            ["source", "list"], ["status", "-o", "json"], ["health", "--timeout", "500ms"],
        ] {
            #expect(throws: Never.self, "\(arguments)") { try Avail.parseAsRoot(arguments) }
        }
    }

    @Test(arguments: [
        ["check"], ["check", "A=0"], ["event", "publish"], ["event", "publish", "--type", "adjustment", "-f", "-"],
        ["status", "--address", "nowhere"], ["status", "--tls-cert", "a"], ["status", "--timeout", "0s"],
        ["channel", "set", "web", "--buffer-units", "1", "--buffer-percent", "2"], ["nonsense"],
    ])
    func wrongUsageExitsWith64(_ arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try Avail.parseAsRoot(arguments) }
        #expect(error.map { Avail.exitCode(for: $0).rawValue } == ExitStatus.usage)
    }

    @Test func oneEventIsMadeOfOptions() throws {
        let options = try EventOptions.parse([
            "--type", "position-snapshot", "--source", "wms-1", "--sku", "A", "--location", "WH1", "--on-hand", "-5",
            "--safety-stock", "2", "--occurred-at", "2026-01-31T12:00:00Z", "--sequence", "9",
        ])
        let event = try #require(try options.event(newID: { "new" }))
        let expected = Availability_V1_InventoryEvent.with {
            $0.type = .positionSnapshot
            $0.id = "new"
            $0.source = "wms-1"
            $0.sku = "A"
            $0.location = "WH1"
            $0.sequence = 9
            $0.occurredAt = Google_Protobuf_Timestamp(seconds: 1_769_860_800)
            $0.position.onHand = -5
            $0.position.safetyStock = 2
        }
        #expect(event == expected)
        #expect(!event.position.hasAllocated)
        #expect(throws: ValidationError.self) {
            try EventOptions.parse(["--type", "adjustment", "--occurred-at", "yesterday"]).event()
        }
        #expect(try EventOptions.parse(["--sku", "A"]).event() == nil)
    }

    @Test func policyOptionsChangeOnlyWhatTheyName() throws {
        var policy = Availability_V1_ChannelPolicy.with {
            $0.sourcing = ["WH1"]
            $0.bufferPercent = 5
            $0.cap = 10
            $0.splitAllowed = true
            $0.customerHoldsMax = 5
            $0.freshness.staleAfter = .init(seconds: 900)
            $0.freshness.staleAction = .buffer
            $0.freshness.staleBufferPercent = 20
        }
        var expected = policy
        try PolicyOptions.parse([]).apply(to: &policy)
        #expect(policy == expected)
        let arguments = [
            "--share-percent", "40", "--buffer-units", "3", "--uncapped", "--stale-action", "withhold", "--sourcing",
            "WH2,EAST", "--calls-in-flight-max", "9", "--allowed-oversell", "4", "--default-ttl", "5m", "--longest-ttl",
            "7d", "--customer-units-max", "30", "--customer-holds-max", "0", "--write-mode", "behind", "--erp-wait-max",
            "1500ms", "--degradation-buffer-percent", "10", "--reservations-per-second", "50", "--reservations-burst",
            "60",
        ]
        try PolicyOptions.parse(arguments).apply(to: &policy)
        expected.sharePercent = 40
        expected.bufferUnits = 3
        expected.clearCap()
        expected.freshness.staleAction = .withhold
        expected.freshness.staleBufferPercent = 0
        expected.sourcing = ["WH2", "EAST"]
        expected.throttle.callsInFlightMax = 9
        expected.allowedOversell = 4
        expected.defaultTtl = .init(seconds: 300)
        expected.longestTtl = .init(seconds: 7 * 86_400)
        expected.customerUnitsMax = 30
        expected.clearCustomerHoldsMax()
        expected.writeMode = .behind
        expected.erpWaitMax = .init(seconds: 1, nanos: 500_000_000)
        expected.degradationBufferPercent = 10
        expected.throttle.reservationsPerSecond = 50
        expected.throttle.reservationsBurst = 60
        #expect(policy == expected)
        try PolicyOptions.parse(["--stale-after", "0s", "--erp-wait-unlimited"]).apply(to: &policy)
        #expect(!policy.hasFreshness)
        #expect(!policy.hasErpWaitMax)
        for pair in [
            ["--erp-wait-max", "1s", "--erp-wait-unlimited"],
            ["--degradation-buffer-units", "1", "--degradation-buffer-percent", "1"],
        ] {
            #expect(throws: (any Error).self) { try PolicyOptions.parse(pair) }
        }
    }
}
