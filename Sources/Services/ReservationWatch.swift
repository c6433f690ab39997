internal import Calls
internal import Engine
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf
internal import Synchronization

/// One WatchReservations stream: what is open in pages, then every change. How far it has come is the watch thread's own.
final class ReservationWatch: Sendable {
    /// Where the stream stands.
    private enum Phase {
        /// What is open is being told, from the reservation after this one; what changed since is told afterwards.
        case snapshot(after: ReservationNumber, since: UInt64)
        case changes(after: UInt64)
    }

    private static let visitedMax = 2_000
    private static let perMessageMax = 200

    private let filter: WatchFilter
    private let sink: any ResponseSink
    private let over = Atomic(false)
    // Only the watch thread touches it; the lock tells the compiler.
    private let phase: Mutex<Phase?>

    /// - Parameter resumeSequence: the last that was told; nil: begin with what is open.
    init(filter: WatchFilter, sink: any ResponseSink, resumeSequence: UInt64?) {
        self.filter = filter
        self.sink = sink
        phase = Mutex(resumeSequence.map { .changes(after: $0) })
    }

    var isOver: Bool { over.load(ordering: .acquiring) }

    func end() { over.store(true, ordering: .releasing) }

    func fail(_ status: CallStatus) {
        end()
        sink.finish(status)
    }

    /// Tells what there is to tell, as far as the reader keeps up. Returns whether there is more.
    func advance(
        _ reader: SnapshotReader, _ state: PublishedState, tenant: TenantNumber, epoch: UInt64
    ) throws(LedgerError) -> Bool {
        guard !isOver, sink.isWritable else { return false }
        var current = phase.withLock { $0 } ?? .snapshot(after: 0, since: reader.sequence)
        if case .changes(let after) = current, after < reader.state.changesPrunedThrough || after > reader.sequence {
            // Beyond what is kept, or of a time that never was: begin anew.
            current = .snapshot(after: 0, since: reader.sequence)
        }
        var response = Availability_V1_WatchReservationsResponse()
        let more: Bool
        switch current {
        case .snapshot(let after, let since):
            more = try tellOpen(after: after, since: since, reader, state, tenant, &response, &current)
        case .changes(let after):
            more = try tellChanges(after: after, reader, state, tenant, &response, &current)
        }
        let next = current
        phase.withLock { $0 = next }
        if case .changes(let after) = next {
            response.sequence = after
            response.resumeToken = "\(String(epoch, radix: 32))-\(String(after, radix: 32))"
        }
        response.epoch = epoch
        guard response.snapshotEnd || !response.reservations.isEmpty || !response.shortfalls.isEmpty else {
            return more
        }
        let bytes: [UInt8] = (try? response.serializedBytes()) ?? []
        sink.send(bytes)
        return more
    }

    private func tellOpen(
        after: ReservationNumber, since: UInt64, _ reader: SnapshotReader, _ state: PublishedState,
        _ tenant: TenantNumber, _ response: inout Availability_V1_WatchReservationsResponse, _ phase: inout Phase
    ) throws(LedgerError) -> Bool {
        var visited = 0
        var last = after
        var isWhole = true
        try reader.forEachReservation(
            tenant: tenant, after: after, where: { number, state in !state.isTerminal && filter.takes(number) }
        ) { number, reservation throws(LedgerError) in
            guard visited < Self.visitedMax, response.reservations.count < Self.perMessageMax else {
                isWhole = false
                return false
            }
            visited += 1
            last = number
            if let reservation, filter.takes(reservation) {
                response.reservations.append(
                    Availability_V1_Reservation(reservation, directory: state.directory, withHistory: true))
                // Most often there is none, and no position is read.
                if reader.state.shortPositions > 0 {
                    try addShortfalls(of: reservation, reader, state, tenant, &response)
                }
            }
            return true
        }
        if isWhole {
            phase = .changes(after: since)
            response.snapshotEnd = true
        } else {
            phase = .snapshot(after: last, since: since)
        }
        return true
    }

    private func tellChanges(
        after: UInt64, _ reader: SnapshotReader, _ state: PublishedState, _ tenant: TenantNumber,
        _ response: inout Availability_V1_WatchReservationsResponse, _ phase: inout Phase
    ) throws(LedgerError) -> Bool {
        var visited = 0
        var last = after
        var isWhole = true
        var told: Set<ReservationNumber> = []
        try reader.forEachChange(tenant: tenant, after: after) { change throws(LedgerError) in
            guard visited < Self.visitedMax, response.reservations.count < Self.perMessageMax else {
                isWhole = false
                return false
            }
            visited += 1
            last = change.sequence
            switch change.subject {
            case .reservation(let number, let channel, _):
                guard filter.takes(number), filter.takes(channel: channel, in: state), told.insert(number).inserted,
                    let reservation = try reader.reservation(number, tenant: tenant), filter.takes(reservation)
                else { return true }
                response.reservations.append(
                    Availability_V1_Reservation(reservation, directory: state.directory, withHistory: true))
            case .shortfall(let units, let sku, let location):
                try tellShortfall(units, sku, location, reader, state, tenant, &response)
            }
            return true
        }
        phase = .changes(after: isWhole ? max(last, reader.sequence) : last)
        return !isWhole
    }

    /// Everybody who holds there hears of it.
    private func tellShortfall(
        _ units: Int64, _ sku: String, _ location: LocationNumber, _ reader: SnapshotReader,
        _ state: PublishedState, _ tenant: TenantNumber, _ response: inout Availability_V1_WatchReservationsResponse
    ) throws(LedgerError) {
        var holders: [(ReservationNumber, UInt32)] = []
        let figures = try reader.figures(of: tenant).running
        try reader.forEachHold(tenant: figures, sku: sku, location: location) { row throws(LedgerError) in
            if row.open > 0, filter.takes(row.number), filter.takes(channel: row.channel, in: state) {
                holders.append((row.number, row.lineID))
            }
            return holders.count < Self.visitedMax
        }
        for (number, lineID) in holders {
            guard let reservation = try reader.reservation(number, tenant: tenant), filter.takes(reservation) else {
                continue
            }
            response.shortfalls.append(.init(units, reservation, lineID, sku, location, state))
        }
    }

    private func addShortfalls(
        of reservation: Reservation, _ reader: SnapshotReader, _ state: PublishedState, _ tenant: TenantNumber,
        _ response: inout Availability_V1_WatchReservationsResponse
    ) throws(LedgerError) {
        let figures = try reader.figures(of: tenant).running
        for line in reservation.lines where line.open > 0 {
            let position = try reader.position(tenant: figures, sku: line.sku, location: line.location)
            guard let units = position?.shortfall, units > 0 else { continue }
            response.shortfalls.append(.init(units, reservation, line.id, line.sku, line.location, state))
        }
    }
}

extension Availability_V1_ReservationShortfall {
    fileprivate init(
        _ units: Int64, _ reservation: Reservation, _ line: UInt32, _ sku: String, _ location: LocationNumber,
        _ state: PublishedState
    ) {
        self.init()
        reservationID = reservation.id
        lineID = line
        self.sku = sku
        self.location = state.directory.location(location)?.id ?? ""
        shortfall = units
    }
}

/// Which reservations a stream is about.
struct WatchFilter: Sendable {
    /// Empty: every channel.
    let channel: String
    /// Empty: any.
    let customer: String
    /// With the epoch that each was granted in. Empty: all.
    let numbers: [ReservationNumber: Set<UInt64>]

    func takes(_ number: ReservationNumber) -> Bool { numbers.isEmpty || numbers[number] != nil }

    /// The state may be a moment older than the change: of a channel without a number there the reservation itself tells.
    func takes(channel number: ChannelNumber, in state: PublishedState) -> Bool {
        channel.isEmpty || (state.channelNumbers[channel] ?? number) == number
    }

    func takes(_ reservation: Reservation) -> Bool {
        (numbers.isEmpty || numbers[reservation.number]?.contains(reservation.epoch) == true)
            && (channel.isEmpty || reservation.channel == channel)
            && (customer.isEmpty || reservation.customer == customer)
    }
}

extension ReservationService {
    var watch: ServiceMethod {
        let descriptor = MethodDescriptor(service: Self.name, name: "WatchReservations", kind: .serverStreaming)
        return ServiceMethod(descriptor) { [environment] _, reads, sink in
            UnaryReceiver { receiver, bytes in
                do throws(CallStatus) {
                    let request = try decode(Availability_V1_WatchReservationsRequest.self, from: bytes)
                    let (filter, resume) = try Self.read(request, reads.stock.state, epoch: environment.epoch)
                    let watch = ReservationWatch(filter: filter, sink: sink, resumeSequence: resume)
                    receiver.onCancelled = { _ in watch.end() }
                    receiver.onWritable = { [watches = environment.watches] in watches.notify() }
                    guard environment.watches.add(watch) else {
                        throw .failure(
                            .resourceExhausted, .queueFull,
                            "at most \(ReservationWatches.watchesMax) streams are told of reservations",
                            retryAfterNanoseconds: .perSecond)
                    }
                } catch {
                    sink.finish(error)
                }
            }
        }
    }

    private static func read(
        _ request: Availability_V1_WatchReservationsRequest, _ state: PublishedState, epoch: UInt64
    ) throws(CallStatus) -> (WatchFilter, UInt64?) {
        if let problem = TextRules.problemUnlessEmpty(request.channel, bytesMax: Limits.nameBytesMax) {
            throw .invalidField("channel", problem)
        }
        if !request.channel.isEmpty, state.channel(request.channel) == nil { throw .channelNotFound(request.channel) }
        if let problem = TextRules.problemUnlessEmpty(request.customer, bytesMax: Limits.nameBytesMax) {
            throw .invalidField("customer", problem)
        }
        guard request.ids.count <= 1_000 else {
            throw .invalidField("ids", "at most 1000, are \(request.ids.count)")
        }
        var numbers: [ReservationNumber: Set<UInt64>] = [:]
        for (index, id) in request.ids.enumerated() {
            guard let parsed = ReservationID.parse(id) else {
                throw .invalidField("ids[\(index)]", "is not the id of a reservation")
            }
            numbers[parsed.number, default: []].insert(parsed.epoch)
        }
        let filter = WatchFilter(channel: request.channel, customer: request.customer, numbers: numbers)
        if request.resumeToken.isEmpty { return (filter, nil) }
        let parts = request.resumeToken.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let tokenEpoch = UInt64(parts[0], radix: 32), let sequence = UInt64(parts[1], radix: 32)
        else { throw .invalidField("resume_token", "is not a token of WatchReservations") }
        return (filter, tokenEpoch == epoch ? sequence : nil)
    }
}
