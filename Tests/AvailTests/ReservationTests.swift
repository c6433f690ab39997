import ArgumentParser
import Foundation
import GRPCCore
import Proto
import SwiftProtobuf
import Testing

@testable import AvailCommands

struct ReservationParsingTests {
    @Test func everyCommandParses() throws {
        for arguments in [
            ["reserve", "A"], ["reserve", "--channel", "web", "--ttl", "15m", "--partial", "A@WH1=2", "B"],
            ["reservation", "get", "r"], ["reservation", "list"],
            ["reservation", "list", "--state", "active", "--erp-state", "release-pending", "--limit", "5000"],
            ["reservation", "extend", "r", "--ttl", "1h", "--request-id", "q"],
            ["reservation", "commit", "r", "--line", "1=3", "--line", "2=0", "--expected-version", "4", "--reacquire"],
            ["reservation", "release", "r", "--reason", "why"],
            ["reservation", "watch", "--id", "r", "--id", "s", "--customer", "c", "--resume-token", "t"],
            ["erp", "status"], ["erp", "writes", "--erp", "sap", "--state", "FAILED", "--reservation-id", "r"],
            ["erp", "retry", "1", "2", "--reason", "why"],
            ["dead-letter", "list", "--source", "s", "--reason", "not-owner", "--sku", "x", "--older-than", "1h"],
            ["dead-letter", "show", "1-1", "2-2"], ["dead-letter", "replay", "1-1", "--because", "why"],
            ["dead-letter", "replay", "--all"], ["dead-letter", "replay", "--sku", "x"],
            ["dead-letter", "discard", "--all", "--yes", "--because", "why"],
            ["event", "tail", "--type", "cycle-count", "--type", "adjustment", "--outcome", "dead-lettered"],
        ] {
            #expect(throws: Never.self, "\(arguments)") { try Avail.parseAsRoot(arguments) }
        }
    }

    @Test(arguments: [
        ["reserve"], ["reserve", "A=0"], ["reserve", "A", "--ttl", "soon"], ["reservation", "get"],
        ["reservation", "list", "--state", "unspecified"], ["reservation", "list", "--limit", "-1"],
        ["reservation", "commit"], ["reservation", "commit", "r", "--line", "1"],
        ["reservation", "release", "r", "--expected-version", "-1"], ["erp", "writes", "--state", "lost"],
        ["erp", "retry"], ["dead-letter", "show"], ["dead-letter", "replay"],
        ["dead-letter", "replay", "1-1", "--all"],
        ["dead-letter", "discard", "1-1"], ["dead-letter", "discard", "--all", "--because", "why"],
        ["event", "tail", "--type", "unspecified"],
    ])
    func wrongUsageExitsWith64(_ arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try Avail.parseAsRoot(arguments) }
        #expect(error.map { Avail.exitCode(for: $0).rawValue } == ExitStatus.usage)
    }

    @Test(arguments: ["", "1", "1=", "=3", "0=3", "1=-1", "1=3=4", "x=1", "1=x"])
    func otherPartsOfLinesAreRefused(_ text: String) {
        #expect(LineQuantityArgument(argument: text) == nil)
    }

    @Test func everyStateHasAName() {
        for state in Availability_V1_ErpState.allCases where state != .unspecified {
            let spelling = state.shortName.lowercased().replacing("_", with: "-")
            #expect(EnumArgument<Availability_V1_ErpState>(argument: spelling)?.value == state)
        }
        #expect(EnumArgument<Availability_V1_ErpState>(argument: "unspecified") == nil)
        #expect(EnumArgument<Availability_V1_ErpWriteState>.allValueStrings.contains("FAILED"))
    }

    @Test func aHoldIsMadeOfOptions() throws {
        let options = try ReserveOptions.parse([
            "--channel", "web", "--ttl", "90s", "--order", "CART-7", "--customer", "c", "--partial", "A", "B@EAST=3",
        ])
        let expected = Availability_V1_CreateReservationRequest.with {
            $0.channel = "web"
            $0.ttl = .init(seconds: 90)
            $0.orderReference = "CART-7"
            $0.customer = "c"
            $0.allowPartial = true
            $0.lines = [
                .with {
                    $0.sku = "A"
                    $0.quantity = 1
                },
                .with {
                    $0.sku = "B"
                    $0.location = "EAST"
                    $0.quantity = 3
                },
            ]
        }
        #expect(options.request == expected)
        #expect(try !ReserveOptions.parse(["A"]).request.hasTtl)
    }

    @Test func aFilterNamesOnlyWhatIsGiven() throws {
        #expect(try ReservationFilter.parse([]).request() == .init())
        let filter = try ReservationFilter.parse([
            "--channel", "web", "--state", "Active", "--erp-state", "not_required", "--customer", "c", "--order", "o",
            "--sku", "A", "--location", "WH1", "--older-than", "1m", "--newer-than", "1h",
        ])
        let now = Date(timeIntervalSince1970: 10_000)
        let expected = Availability_V1_ListReservationsRequest.with {
            $0.channel = "web"
            $0.state = .active
            $0.erpState = .notRequired
            $0.customer = "c"
            $0.orderReference = "o"
            $0.sku = "A"
            $0.location = "WH1"
            $0.createdBefore = .with { $0.seconds = 9_940 }
            $0.createdAfter = .with { $0.seconds = 6_400 }
        }
        #expect(filter.request(now: now) == expected)
    }

    @Test func partsAndVersionsReachTheRequest() throws {
        let parts = ["r", "--line", "1=3", "--line", "2=0", "--expected-version", "4"]
        let lines = [
            LineQuantityArgument(line: 1, quantity: 3).message, LineQuantityArgument(line: 2, quantity: 0).message,
        ]
        let commit = try ReservationCommitCommand.parse(parts + ["--order", "o", "--reacquire"]).message
        let expected = Availability_V1_CommitReservationRequest.with {
            $0.id = "r"
            $0.expectedVersion = 4
            $0.lines = lines
            $0.reacquire = true
            $0.orderReference = "o"
        }
        #expect(commit == expected)
        let release = try ReservationReleaseCommand.parse(parts + ["--reason", "why"]).message
        #expect(release.id == "r" && release.expectedVersion == 4 && release.lines == lines && release.reason == "why")
        #expect(try !ReservationReleaseCommand.parse(["r"]).message.hasExpectedVersion)
    }

    private typealias Request = Availability_V1_ListReservationsRequest
    private typealias Response = Availability_V1_ListReservationsResponse

    @Test(arguments: [
        (["--limit", "1500"], 5_000, [1_000, 500]), ([], 5_000, [100]), (["--limit", "0"], 1_200, [1_000, 200]),
        (["--limit", "0"], 0, [0]),
    ])
    func aLimitCutsItsPages(arguments: [String], there: Int, expected: [Int]) async throws {
        var left = there
        var pages: [Int] = []
        let limit = try LimitOptions.parse(arguments).limit
        try await Paging.forEachPage(of: Request(), limit: limit) { (request: Request) -> Response in
            #expect(request.pageToken.isEmpty == pages.isEmpty)
            let count = min(Int(request.pageSize), left)
            left -= count
            return .with {
                $0.reservations = .init(repeating: .init(), count: count)
                $0.nextPageToken = left > 0 ? "more" : ""
            }
        } _: { page in
            pages.append(page.reservations.count)
            return page.reservations.count
        }
        #expect(pages == expected)
    }

    @Test func emptyPagesWithATokenAreGoneThrough() async throws {
        var pages = 0
        try await Paging.forEachPage(of: Request(), limit: 1) { (request: Request) -> Response in
            .with {
                if request.pageToken == "c" { $0.reservations = [.init()] }
                $0.nextPageToken = ["": "a", "a": "b", "b": "c"][request.pageToken] ?? ""
            }
        } _: { page in
            pages += 1
            return page.reservations.count
        }
        #expect(pages == 4)
    }

    @Test func aRequestKeepsItsKey() async throws {
        #expect(try await RequestOptions.parse(["--request-id", "q"]).call { $0 } == "q")
        let options = try RequestOptions.parse([])
        let made = try await options.call { $0 }
        #expect(UUID(uuidString: made) != nil)
        #expect(try await options.call { $0 } != made)
        await #expect(throws: RPCError.self) {
            try await options.call { _ in throw RPCError(code: .unavailable, message: "") }
        }
    }
}

struct ReservationTextTests {
    private static let now = Date(timeIntervalSince1970: 1_769_860_800)

    private static let reservation = Availability_V1_Reservation.with {
        $0.id = "r-1"
        $0.state = .active
        $0.erpState = .releasePending
        $0.channel = "web"
        $0.orderReference = "CART-7"
        $0.version = 2
        $0.createTime = .init(seconds: 1_769_860_000)
        $0.expireTime = .init(seconds: 1_769_861_700)
        $0.lines = [line(1, "A", "WH1", open: 2), line(2, "A", "WH2", open: 0)]
    }

    private static func line(_ id: UInt32, _ sku: String, _ location: String, open: Int64)
        -> Availability_V1_ReservationLine
    {
        .with {
            $0.lineID = id
            $0.sku = sku
            $0.location = location
            $0.requested = 3
            $0.quantity = 2
            $0.open = open
            $0.released = 2 - open
            $0.erpState = .pending
        }
    }

    @Test func theHeaderSaysWhereItStands() {
        var reservation = Self.reservation
        #expect(
            ReservationText.header(reservation, now: Self.now).lines() == [
                "RESERVATION      r-1",
                "state            ACTIVE",
                "erp state        RELEASE_PENDING",
                "expires in       15m",
                "version          2",
                "channel          web",
                "customer         -",
                "order reference  CART-7",
                "created          2026-01-31T11:46:40.000Z",
            ])
        reservation.clearExpireTime()
        reservation.linkedReservation = "r-0"
        let lines = ReservationText.header(reservation, now: Self.now).lines()
        #expect(lines.contains("expires in          -"))
        #expect(lines.last == "linked reservation  r-0")
    }

    @Test func everyLineIsARow() {
        #expect(
            ReservationText.table(Self.reservation.lines).lines() == [
                "LINE  SKU  LOCATION  LOT  REQUESTED  QUANTITY  OPEN  COMMITTED  FULFILLED  RELEASED  ERP STATE"
                    + "  ERP REFERENCE  REASON",
                "   1  A    WH1       -            3         2     2          0          0         0  PENDING    -",
                "   2  A    WH2       -            3         2     0          0          0         2  PENDING    -",
            ])
    }

    @Test func everyTransitionIsARow() {
        let grant = Availability_V1_ReservationTransition.with {
            $0.time = .init(seconds: 1_769_860_000)
            $0.to = .active
            $0.cause = "GRANTED"
            $0.sequence = 7
            $0.correlationID = "q"
        }
        #expect(
            ReservationText.table([grant]).lines() == [
                "TIME                      FROM  TO      CAUSE    SEQUENCE  CORRELATION",
                "2026-01-31T11:46:40.000Z  -     ACTIVE  GRANTED         7  q",
            ])
    }

    @Test func aListNamesWhatIsOpen() {
        #expect(
            ReservationText.table([Self.reservation], now: Self.now).lines() == [
                "RESERVATION  STATE   ERP STATE        EXPIRES IN  VERSION  CHANNEL  CUSTOMER  ORDER REFERENCE"
                    + "  CREATED                   OPEN",
                "r-1          ACTIVE  RELEASE_PENDING         15m        2  web      -         CART-7         "
                    + "  2026-01-31T11:46:40.000Z  A@WH1=2",
            ])
    }

    @Test func aChangeIsALine() {
        let many = Availability_V1_Reservation.with {
            $0.id = "r-2\u{1B}"
            $0.state = .committed
            $0.erpState = .confirmed
            $0.version = 3
            $0.channel = "web"
            $0.lines = (1...5).map { Self.line($0, "S\($0)", "WH1", open: 1) }
        }
        let response = Availability_V1_WatchReservationsResponse.with {
            $0.reservations = [Self.reservation, many]
            $0.shortfalls = [shortfall(3), shortfall(0)]
        }
        #expect(
            ReservationWatchCommand.lines(response) == [
                "r-1 ACTIVE, erp RELEASE_PENDING, version 2, web CART-7: A@WH1=2",
                "r-2? COMMITTED, erp CONFIRMED, version 3, web: S1@WH1=1 S2@WH1=1 S3@WH1=1 and 2 more",
                "r-1 SHORTFALL of 3: A@WH1, line 1",
                "r-1 SHORTFALL ended: A@WH1, line 1",
            ])
    }

    private func shortfall(_ units: Int64) -> Availability_V1_ReservationShortfall {
        .with {
            $0.reservationID = "r-1"
            $0.lineID = 1
            $0.sku = "A"
            $0.location = "WH1"
            $0.shortfall = units
        }
    }
}

struct ErpTextTests {
    @Test func anErpSaysWhatWaits() {
        let erps: [Availability_V1_ErpStatus] = [
            .with {
                $0.erp = "sap"
                $0.available = true
                $0.callsInFlight = 2
            },
            .with {
                $0.erp = "navision"
                $0.reason = "CIRCUIT_OPEN"
                $0.writesWaiting = 12
                $0.oldestWriteAge = .init(seconds: 65)
            },
        ]
        #expect(
            ErpText.table(erps).lines() == [
                "ERP       AVAILABLE  WRITES WAITING  OLDEST  CALLS IN FLIGHT  REASON",
                "sap       yes                     0       -                2",
                "navision  no                     12   1m 5s                0  CIRCUIT_OPEN",
            ])
        let status = Availability_V1_GetServerStatusResponse.with { $0.erps = erps }
        #expect(StatusCommand.parts(status).map { $0.lines().count } == [3])
    }

    @Test func aWriteSaysWhatItEndedWith() {
        let write = Availability_V1_ErpWrite.with {
            $0.id = "17"
            $0.erp = "sap"
            $0.kind = .reserve
            $0.state = .failed
            $0.reservationID = "r-1"
            $0.reservationLine = 1
            $0.sku = "A"
            $0.location = "WH1"
            $0.quantity = 2
            $0.attempts = 5
            $0.lastError = "timeout"
        }
        #expect(
            ErpText.table([write]).lines().last
                == "17     sap  RESERVE  FAILED  r-1             1  A    WH1              2         5  -             timeout"
        )
    }
}

struct BrokenPipeTests {
    @Test func aReaderThatLeftEndsTheOutputQuietly() throws {
        signal(SIGPIPE, SIG_IGN)
        let pipe = Pipe()
        try Output.write("read", to: pipe.fileHandleForWriting)
        try pipe.fileHandleForReading.close()
        let error = #expect(throws: ExitCode.self) { try Output.write("lost", to: pipe.fileHandleForWriting) }
        #expect(error?.rawValue == 141)
    }
}
