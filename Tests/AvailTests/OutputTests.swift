import Foundation
import GRPCCore
import Proto
import SwiftProtobuf
import Testing

@testable import AvailCommands

struct TextTableTests {
    @Test func columnsAreAsWideAsTheirWidestCell() {
        var table = TextTable([("SKU", .left), ("UNITS", .right), ("NOTE", .left)])
        table.add(["A", "7", "x"])
        table.add(["Größe 42", "-12345", ""])
        #expect(
            table.lines() == [
                "SKU        UNITS  NOTE",
                "A              7  x",
                "Größe 42  -12345",
            ])
        #expect(table.lines { "<\($0)>" }.first == "<SKU        UNITS  NOTE>")
    }

    @Test func controlCharactersNeverReachTheTerminal() {
        var table = TextTable(["A"])
        table.add(["\u{1B}[2Jx\ny\u{9B}"])
        #expect(table.lines().last == "?[2Jx?y?")
    }
}

struct NamesTests {
    @Test func enumsAreNamedAsInTheProtoFile() {
        #expect(Availability_V1_AvailabilityStatus.inStock.shortName == "IN_STOCK")
        #expect(Availability_V1_AvailabilityStatus.unknownSku.shortName == "UNKNOWN_SKU")
        #expect(Availability_V1_StaleAction.askErp.shortName == "ASK_ERP")
        #expect(RPCError.Code.failedPrecondition.name == "FAILED_PRECONDITION")
        #expect(RPCError.Code.internalError.name == "INTERNAL")
        #expect(Availability_V1_AvailabilityStatus.UNRECOGNIZED(42).shortName == "42")
    }

    @Test(
        arguments: [
            (0, "0ms"), (999, "999ms"), (1_000, "1s"), (61_000, "1m 1s"), (60_000, "1m"), (3_600_000, "1h"),
            (90_061_000, "1d 1h"), (86_400_000, "1d"), (86_405_000, "1d"), (-1_500, "-1s"),
        ] as [(Int64, String)])
    func durationsAreBrief(_ milliseconds: Int64, _ text: String) {
        #expect(DurationText.brief(milliseconds: milliseconds) == text)
    }
}

struct FailureTests {
    private func details(_ messages: [any Message]) throws -> [UInt8] {
        var status = Google_Rpc_Status()
        status.details = try messages.map { try Google_Protobuf_Any(message: $0) }
        return try status.serializedBytes()
    }

    @Test func everyKindOfDetailIsTold() throws {
        let info = Google_Rpc_ErrorInfo.with {
            $0.reason = "INVALID_FIELD"
            $0.domain = "availability"
            $0.metadata = ["b": "2", "a": "1"]
        }
        let request = Google_Rpc_BadRequest.with {
            $0.fieldViolations = [
                .with {
                    $0.field = "lines[0].sku"
                    $0.description_p = "too long"
                }
            ]
        }
        let failure = Google_Rpc_PreconditionFailure.with {
            $0.violations = [
                .with {
                    $0.type = "STOCK"
                    $0.subject = "A"
                    $0.description_p = "2 of 3"
                }
            ]
        }
        let quota = Google_Rpc_QuotaFailure.with {
            $0.violations = [
                .with {
                    $0.subject = "channel:web"
                    $0.description_p = "100 units a second"
                }
            ]
        }
        let retry = Google_Rpc_RetryInfo.with { $0.retryDelay = .init(seconds: 1, nanos: 500_000_000) }
        let bytes = try details([info, request, failure, quota, retry, Google_Rpc_Help()])
        #expect(
            FailureText.lines(code: "INVALID_ARGUMENT", message: "bad\u{1B}", details: bytes) == [
                "avail: INVALID_ARGUMENT: bad?",
                "  reason: INVALID_FIELD (availability)",
                "    a: 1",
                "    b: 2",
                "  field lines[0].sku: too long",
                "  STOCK A: 2 of 3",
                "  quota channel:web: 100 units a second",
                "  try again after 1.5s",
                "  detail: type.googleapis.com/google.rpc.Help",
            ])
    }

    @Test func detailsAreFoundInTheTrailers() throws {
        let retry = Google_Rpc_RetryInfo.with { $0.retryDelay = .init(seconds: 2) }
        var metadata: Metadata = [:]
        metadata.addBinary(try details([retry]), forKey: "grpc-status-details-bin")
        let error = RPCError(code: .unavailable, message: "", metadata: metadata)
        #expect(FailureText.retryDelay(of: error) == .seconds(2))
        #expect(FailureText.lines(of: error).last == "  try again after 2s")
        #expect(FailureText.retryDelay(of: RPCError(code: .unavailable, message: "")) == nil)
    }

    @Test func theExitStatusIs64AndTheCode() {
        #expect(ExitStatus.of(RPCError(code: .cancelled, message: "")) == 65)
        #expect(ExitStatus.of(RPCError(code: .unavailable, message: "")) == 78)
        #expect(ExitStatus.of(RPCError(code: .unauthenticated, message: "")) == 80)
    }

    @Test func nagiosIsToldWhatItExpects() {
        #expect(HealthCommand.state(.serving) == .ok)
        #expect(HealthCommand.state(.notServing) == .critical)
        #expect(HealthCommand.state(.serviceUnknown) == .unknown)
        #expect(HealthCommand.state(RPCError.Code.unavailable) == .critical)
        #expect(HealthCommand.state(RPCError.Code.notFound) == .unknown)
        #expect(NagiosState.critical.rawValue == 2)
    }
}

struct EventFileTests {
    private func file(_ text: String) throws -> EventFile {
        let url = FileManager.default.temporaryDirectory.appending(path: "events-\(UUID().uuidString).jsonl")
        try text.write(to: url, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: url) }
        return try EventFile(path: url.path())
    }

    @Test func eventsAreReadWithTheirLines() throws {
        let many = (0..<3_000).map { "{\"id\": \"e\($0)\", \"type\": \"INVENTORY_EVENT_TYPE_CYCLE_COUNT\"}" }
        let file = try file("\n" + many.joined(separator: "\n\r\n"))
        var count = 0
        while let event = try file.next() {
            #expect(event.event.id == "e\(count)")
            #expect(event.line == 2 + 2 * count)
            count += 1
        }
        #expect(count == 3_000)
    }

    @Test func aBadLineIsNamed() throws {
        let file = try file("{\"id\": \"a\"}\n{\"idd\": 1}\n")
        #expect(try file.next()?.event.id == "a")
        let error = #expect(throws: InputError.self) { try file.next() }
        #expect(error?.description.contains(":2: not an InventoryEvent") == true)
    }

    @Test func aMissingFileIsNamed() {
        #expect(throws: InputError.self) { try EventFile(path: "/nonexistent/events.jsonl") }
    }
}

struct TableTests {
    @Test func anAnswerIsARowALine() {
        let line = Availability_V1_AvailabilityLine.with {
            $0.sku = "A"
            $0.available = 7
            $0.status = .inStock
            $0.freshness = .fresh
            $0.ageMs = 1_500
        }
        #expect(
            CheckCommand.table([line]).lines() == [
                "SKU  LOCATION  AVAILABLE  STATUS    FRESHNESS  AGE",
                "A    -                 7  IN_STOCK  FRESH       1s",
            ])
    }

    @Test func anExplanationSignsItsAmounts() {
        let term = Availability_V1_ExplanationTerm.with {
            $0.location = "WH1"
            $0.kind = .onHand
            $0.amount = 10
            $0.result = 10
            $0.source = "wms-1"
            $0.ageMs = 0
        }
        #expect(
            ExplainCommand.table([term]).lines().last
                == "WH1       ON_HAND     +10      10  wms-1   0ms")
    }

    @Test func aChannelShowsItsPolicy() {
        let channel = Availability_V1_Channel.with {
            $0.id = "web"
            $0.policyVersion = 3
            $0.policy.sourcing = ["WH1", "EAST"]
            $0.policy.bufferPercent = 5
            $0.policy.cap = 500
            $0.policy.freshness.staleAfter = .init(seconds: 900)
            $0.policy.freshness.staleAction = .buffer
            $0.policy.freshness.staleBufferPercent = 20
        }
        #expect(PolicyText.row(channel) == ["web", "3", "100%", "5%", "0", "500", "15m", "BUFFER 20%", "WH1,EAST"])
    }

    @Test func aChannelShowsTheTermsOfItsHolds() {
        var channel = Availability_V1_Channel.with {
            $0.id = "web"
            $0.policy.allowedOversell = 5
            $0.policy.defaultTtl = .init(seconds: 900)
            $0.policy.longestTtl = .init(seconds: 86_400)
            $0.policy.customerUnitsMax = 30
            $0.policy.customerHoldsMax = 4
            $0.policy.writeMode = .behind
            $0.policy.erpWaitMax = .init(seconds: 3)
            $0.policy.degradationBufferPercent = 10
            $0.policy.throttle.reservationsPerSecond = 50
        }
        func value(_ name: String) -> String? {
            let line = PolicyText.table(channel).lines().first { $0.hasPrefix(name + "  ") }
            return line?.split(separator: "  ").last.map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let table = [
            ("allowed oversell", "5", "0"), ("default ttl", "15m", "-"), ("longest ttl", "1d", "-"),
            ("customer units", "30", "-"), ("customer holds", "4", "-"), ("write mode", "BEHIND", "-"),
            ("erp wait", "3s", "-"), ("degradation buffer", "10%", "0"), ("reservations per second", "50", "-"),
            ("reservations burst", "-", "-"),
        ]
        for row in table { #expect(value(row.0) == row.1, "\(row)") }
        channel.policy = .init()
        for row in table { #expect(value(row.0) == row.2, "\(row)") }
    }
}
