import ArgumentParser
import Foundation
import Proto
import SwiftProtobuf
import Testing

@testable import AvailCommands

struct AuditTests {
    @Test func anAuditFilterIsMadeOfOptions() throws {
        let filter = try AuditFilter.parse([
            "--actor", "CN=ann", "--action", "PauseFeed", "--subject", "feeds/f", "--channel", "web",
            "--older-than", "1m", "--newer-than", "1h",
        ])
        let expected = Availability_V1_ListAuditEntriesRequest.with {
            $0.actor = "CN=ann"
            $0.action = "PauseFeed"
            $0.subject = "feeds/f"
            $0.channel = "web"
            $0.untilTime = .init(seconds: 9_940)
            $0.fromTime = .init(seconds: 6_400)
        }
        #expect(filter.request(now: Date(timeIntervalSince1970: 10_000)) == expected)
        #expect(try AuditFilter.parse([]).request() == .init())
    }

    @Test func stalePositionsAreAskedForByAChannelOrAThreshold() throws {
        let both = try PositionListStaleCommand.parse(["--channel", "web", "--stale-after", "90s", "--location", "WH1"])
        let expected = Availability_V1_ListStalePositionsRequest.with {
            $0.channel = "web"
            $0.staleAfter = .init(seconds: 90)
            $0.location = "WH1"
        }
        #expect(both.request == expected)
        #expect(try !PositionListStaleCommand.parse(["--channel", "web"]).request.hasStaleAfter)
        #expect(throws: (any Error).self) { try PositionListStaleCommand.parse([]) }
    }

    @Test func tablesShowWhatIsAbsentAsADash() {
        let entry = Availability_V1_AuditEntry.with {
            $0.actor = "anonymous"
            $0.action = "PauseFeed"
            $0.subject = "feeds/f"
            $0.sequence = 7
            $0.reason = "stocktaking"
        }
        #expect(
            AuditListCommand.table([entry]).lines().last
                == "-     anonymous  PauseFeed  feeds/f  -               7  stocktaking")
        let position = Availability_V1_StalePosition.with {
            $0.sku = "A"
            $0.location = "WH1"
            $0.age = .init(seconds: 7_260)
            $0.sellable = -3
        }
        #expect(
            PositionListStaleCommand.table([position]).lines().last
                == "WH1       A    2h 1m  -              -             -3")
    }
}
