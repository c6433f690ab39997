internal import Calls
internal import Engine
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// ListStalePositions: by location and sku.
///
/// The ledger has positions by sku, so those of a location are found by walking all skus. Only locations where some figures may
/// be stale are walked: not those whose owner's watermark is younger than the threshold. A page walks a bounded number of
/// skus, so it may end early, with a token to go on with.
struct StalePositions {
    private static let skusVisitedMax = 5_000

    /// Where a page begins: behind a sku of a location.
    private struct Place {
        let location: LocationNumber
        /// Nil: at the location's first sku.
        let sku: String?

        init(location: LocationNumber, sku: String?) {
            self.location = location
            self.sku = sku
        }

        init?(token: String) {
            let parts = token.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let location = LocationNumber(parts[0]) else { return nil }
            self.init(location: location, sku: parts[1].isEmpty ? nil : String(parts[1]))
        }

        /// A location's number has no dot.
        var token: String { "\(location).\(sku ?? "")" }
    }

    private let state: PublishedState
    private let nowNanoseconds: WallNanoseconds
    private let size: Int
    /// Nil: any that there is.
    private let channel: CompiledChannel?
    /// Nil: the channel's own.
    private let staleAfterNanoseconds: Int64?
    /// Those of which a position may be listed on this page, by id.
    private let locations: [Location]
    private let start: Place?

    init(
        _ request: Availability_V1_ListStalePositionsRequest, state: PublishedState, nowNanoseconds: WallNanoseconds
    ) throws(CallStatus) {
        size = try ListFields.pageSize(request.pageSize)
        channel = try Self.channel(request.channel, state)
        staleAfterNanoseconds = try Self.threshold(of: request)
        self.state = state
        self.nowNanoseconds = nowNanoseconds
        let first: Location?
        if request.pageToken.isEmpty {
            start = nil
            first = nil
        } else {
            guard let place = Place(token: request.pageToken), let found = state.directory.location(place.location)
            else { throw ListFields.invalidToken(ofList: "ListStalePositions") }
            start = place
            first = found
        }
        var candidates = state.locations
        if !request.location.isEmpty {
            guard let only = state.locations.first(where: { $0.id == request.location }) else {
                throw .invalidField("location", "there is no location \(request.location)")
            }
            candidates = [only]
        }
        let shortest = staleAfterNanoseconds ?? channel?.shortestStaleAfterNanoseconds
        let isWalked = { [channel] (location: Location) -> Bool in
            guard let shortest, channel?.sells(from: location.number) != false else { return false }
            if let first, location.id < first.id { return false }
            let owner = state.directory.owner(of: location.number)
            return owner == 0 || nowNanoseconds - state.watermarks[owner] > shortest
        }
        locations = candidates.filter(isWalked).sorted { $0.id < $1.id }
    }

    private static func channel(_ id: String, _ state: PublishedState) throws(CallStatus) -> CompiledChannel? {
        if id.isEmpty { return nil }
        guard let entry = state.channel(id) else { throw .invalidField("channel", "there is no channel \(id)") }
        return entry.compiled
    }

    private static func threshold(
        of request: Availability_V1_ListStalePositionsRequest
    ) throws(CallStatus) -> Int64? {
        guard request.hasStaleAfter else {
            if request.channel.isEmpty { throw .invalidField("stale_after", "is required where no channel is named") }
            return nil
        }
        guard let nanoseconds = request.staleAfter.nanosecondCount else {
            throw .invalidField("stale_after", "must be a duration of 0 to 292 years")
        }
        return nanoseconds
    }

    func page(
        _ reads: LoopReads, ledgerNanoseconds: WallNanoseconds
    ) throws(CallStatus) -> Availability_V1_ListStalePositionsResponse {
        try reads.requireSnapshot()
        var response = Availability_V1_ListStalePositionsResponse()
        var visited = 0
        do throws(LedgerError) {
            for location in locations where response.nextPageToken.isEmpty {
                var last = start?.location == location.number ? start?.sku : nil
                try reads.stock.forEachSku(after: last, at: location.number) { sku, lent throws(LedgerError) in
                    guard visited < Self.skusVisitedMax, response.positions.count < size else {
                        response.nextPageToken = Place(location: location.number, sku: last).token
                        return false
                    }
                    visited += 1
                    last = sku
                    guard let lent, let age = staleAge(of: lent.figures, sku, location.number) else { return true }
                    let position = try reads.stock.live(
                        lent.position, of: sku, at: location.number, ledgerNanoseconds: ledgerNanoseconds)
                    response.positions.append(entry(position, sku, location, ageNanoseconds: age))
                    return true
                }
            }
        } catch {
            throw error.callStatus
        }
        return response
    }

    /// Nil: they are not stale. By the rule that answers to channels follow.
    private func staleAge(of figures: StockFigures, _ sku: String, _ location: LocationNumber) -> Int64? {
        let age = state.vouched(for: figures, at: location).ageNanoseconds(nowNanoseconds: nowNanoseconds)
        let threshold = staleAfterNanoseconds ?? channel?.staleAfterNanoseconds(sku: sku, location: location)
        guard let threshold, age > threshold else { return nil }
        return age
    }

    private func entry(
        _ position: Position, _ sku: String, _ location: Location, ageNanoseconds: Int64
    ) -> Availability_V1_StalePosition {
        .with {
            $0.sku = sku
            $0.location = location.id
            $0.age = .init(nanosecondCount: ageNanoseconds)
            if position.authoritativeTimeNanoseconds > 0 {
                $0.authoritativeTime = .init(wallNanoseconds: position.authoritativeTimeNanoseconds)
            }
            $0.source = state.sourceName(state.directory.owner(of: location.number))
            $0.sellable = position.sellable
        }
    }
}
