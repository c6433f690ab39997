import ArgumentParser
import Proto
import SwiftProtobuf
import Testing

@testable import AvailCommands

struct WatchTests {
    @Test func whatIsWatchedIsMadeOfOptions() throws {
        let command = try #require(
            Avail.parseAsRoot([
                "watch", "--channel", "web", "--bands", "0,10,100", "--resume-token", "t", "--max-staleness", "30s",
                "A",
                "B@EAST=3",
            ]) as? WatchCommand)
        let expected = Availability_V1_WatchAvailabilityRequest.with {
            $0.channel = "web"
            $0.bands = [0, 10, 100]
            $0.resumeToken = "t"
            $0.maxStaleness = .init(seconds: 30)
            $0.lines = [
                .with { $0.sku = "A" },
                .with {
                    $0.sku = "B"
                    $0.location = "EAST"
                    $0.quantity = 3
                },
            ]
        }
        #expect(command.request == expected)
        let there = try #require(
            Avail.parseAsRoot(["watch", "A@WH1=2", "--location", "WH2", "--location", "EAST"]) as? WatchCommand)
        let lines: [Availability_V1_CheckAvailabilityLine] = [
            .with {
                $0.sku = "A"
                $0.location = "WH1"
                $0.quantity = 2
            },
            .with { $0.location = "WH2" }, .with { $0.location = "EAST" },
        ]
        #expect(there.request.lines == lines)
        let all = try #require(Avail.parseAsRoot(["watch"]) as? WatchCommand)
        #expect(all.request == .init())
    }

    @Test(arguments: ["", "1,", ",1", "1,,2", "x", "1.5"])
    func otherBandsAreRefused(_ text: String) {
        #expect(BandsArgument(argument: text) == nil)
    }

    @Test func aChangeIsALine() {
        let stale = Availability_V1_AvailabilityLine.with {
            $0.sku = "B\u{1B}"
            $0.location = "EAST"
            $0.status = .withheld
            $0.freshness = .stale
            $0.ageMs = 90_000
        }
        let fresh = Availability_V1_AvailabilityLine.with {
            $0.sku = "A"
            $0.available = 12
            $0.status = .inStock
            $0.freshness = .fresh
        }
        #expect(WatchCommand.line(fresh) == "A                                12  IN_STOCK")
        #expect(
            WatchCommand.line(stale)
                == "B?@EAST                           0  WITHHELD  STALE, \(DurationText.brief(milliseconds: 90_000)) old"
        )
    }
}
