import ArgumentParser
import GRPCCore
import Proto
import SwiftProtobuf

struct WatchCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "What may this channel sell, now and whenever it changes?",
        usage: """
            avail watch [--channel CHANNEL] [SKU[@LOCATION][=QUANTITY] ...] [--location LOCATION ...] \
            [--bands 0,10,100]
            """,
        discussion: """
            A line for each thing asked, or for every sku that the channel may sell, at the locations named if any, then one \
            for each change, until interrupted; --timeout does not apply. Changes that follow each other quickly may be \
            merged; the newest is always told. At the end a resume token is told on standard error, with which the next \
            watch of the same lines goes on from there:
              avail watch --channel web SKU-1 SKU-2 --resume-token TOKEN
            """)

    @Option(help: "The selling channel. Default: the credential's own.")
    var channel: String?

    @Option(help: ArgumentHelp("The customer asking.", valueName: "ID"))
    var customer: String?

    @Option(help: ArgumentHelp("The oldest figures to accept.", valueName: "DURATION"))
    var maxStaleness: DurationArgument?

    @Option(
        help: ArgumentHelp(
            "Bounds between bands, rising: a change within a band is not told. With 0,10,100 the bands are nothing, 1 to "
                + "10, 11 to 100, and more.", valueName: "UNITS,…"))
    var bands: BandsArgument?

    @Option(
        name: .customLong("location"),
        help: ArgumentHelp("Every sku that the channel may sell at this location or group; may be repeated."))
    var locations: [String] = []

    @Option(help: ArgumentHelp("Where an earlier watch of the same lines ended.", valueName: "TOKEN"))
    var resumeToken: String?

    @Argument(
        help: ArgumentHelp(
            "What is watched, for example SKU-1, SKU-1@WH1 or SKU-1@EAST=3. None and no --location: every sku.",
            valueName: "line"))
    var lines: [LineArgument] = []

    @OptionGroup var client: ClientOptions

    var request: Availability_V1_WatchAvailabilityRequest {
        .with {
            $0.channel = channel ?? ""
            $0.customer = customer ?? ""
            $0.lines = lines.map(\.message) + locations.map { LineArgument(sku: "", location: $0).message }
            if let maxStaleness { $0.maxStaleness = maxStaleness.message }
            $0.bands = bands?.bounds ?? []
            $0.resumeToken = resumeToken ?? ""
        }
    }

    func run(_ connection: Connection) async throws {
        try await untilInterrupted(connection) { options in
            try await connection.availability.watchAvailability(
                request, metadata: connection.metadata, options: options
            ) { response in
                try await show(
                    response.messages, after: resumeToken, \.resumeToken, show)
            }
        }
    }

    private func show(_ response: Availability_V1_WatchAvailabilityResponse) throws {
        guard client.output == .table else { return try Output.write(response) }
        for line in response.lines { try Output.write(Self.line(line)) }
        if response.phase == .snapshotEnd { Diagnostics.write("so it stands; what follows are changes") }
    }

    /// One line of a log: columns that line up for texts of usual length.
    static func line(_ line: Availability_V1_AvailabilityLine) -> String {
        let place = line.location.isEmpty ? line.sku : "\(line.sku)@\(line.location)"
        let units = "\(line.available)"
        let freshness = line.freshness == .stale ? "  STALE, \(DurationText.brief(milliseconds: line.ageMs)) old" : ""
        return TextTable.printable(
            place.padded(to: 24) + "  " + units.padded(to: 9, right: true) + "  " + line.status.shortName + freshness)
    }
}

/// Bounds as `0,10,100`.
struct BandsArgument: ExpressibleByArgument, Equatable {
    let bounds: [Int64]

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int64($0) }
        let bounds = parts.compactMap { $0 }
        guard !bounds.isEmpty, bounds.count == parts.count else { return nil }
        self.bounds = bounds
    }
}

extension String {
    fileprivate func padded(to width: Int, right: Bool = false) -> String {
        let padding = String(repeating: " ", count: max(0, width - count))
        return right ? padding + self : self + padding
    }
}
