internal import Calls
internal import Engine
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// ListReservations: newest first. A page looks at a bounded number of reservations, so that a filter that nothing
/// matches does not keep the loop busy: it may end early, with a token to go on with.
struct ReservationList {
    private static let visitedMax = 2_000

    private let request: Availability_V1_ListReservationsRequest
    private let size: Int
    private let before: ReservationNumber
    private let location: LocationNumber?
    private let createdAfter: WallNanoseconds
    private let createdBefore: WallNanoseconds

    init(_ request: Availability_V1_ListReservationsRequest, state: PublishedState) throws(CallStatus) {
        size = try ListFields.pageSize(request.pageSize)
        before = try ListFields.number(inToken: request.pageToken, ofList: "ListReservations") ?? .max
        try ListFields.check([
            ("channel", request.channel, Limits.nameBytesMax), ("customer", request.customer, Limits.nameBytesMax),
            ("order_reference", request.orderReference, Limits.idBytesMax), ("sku", request.sku, Limits.skuBytesMax),
            ("location", request.location, Limits.nameBytesMax),
        ])
        if request.location.isEmpty {
            location = nil
        } else {
            guard let number = state.directory.number(of: request.location) else {
                throw .invalidField("location", "there is no location \(request.location)")
            }
            location = number
        }
        createdAfter = try ListFields.time(request.hasCreatedAfter, request.createdAfter, "created_after") ?? 0
        createdBefore = try ListFields.time(request.hasCreatedBefore, request.createdBefore, "created_before") ?? .max
        self.request = request
    }

    func page(
        _ reads: LoopReads, clock: LedgerClock
    ) throws(CallStatus) -> Availability_V1_ListReservationsResponse {
        try reads.requireSnapshot()
        let now = clock.nowNanoseconds
        let directory = reads.stock.state.directory
        var response = Availability_V1_ListReservationsResponse()
        var visited = 0
        var last: ReservationNumber?
        do throws(LedgerError) {
            try reads.stock.forEachReservationBackwards(before: before) { stored throws(LedgerError) in
                guard stored.createTimeNanoseconds >= createdAfter else { return false }
                guard visited < Self.visitedMax, response.reservations.count < size else {
                    response.nextPageToken = ListFields.token(last ?? stored.number)
                    return false
                }
                visited += 1
                last = stored.number
                let reservation = stored.asOf(now)
                if matches(reservation) {
                    response.reservations.append(
                        Availability_V1_Reservation(reservation, directory: directory, withHistory: false))
                }
                return true
            }
        } catch {
            throw error.callStatus
        }
        return response
    }

    private func matches(_ reservation: Reservation) -> Bool {
        guard reservation.createTimeNanoseconds < createdBefore,
            request.channel.isEmpty || reservation.channel == request.channel,
            request.state == .unspecified || Int(reservation.state.rawValue) == request.state.rawValue,
            request.erpState == .unspecified || Int(reservation.erpState.rawValue) == request.erpState.rawValue,
            request.customer.isEmpty || reservation.customer == request.customer,
            request.orderReference.isEmpty || reservation.orderReference == request.orderReference
        else { return false }
        guard !request.sku.isEmpty || location != nil else { return true }
        return reservation.lines.contains { line in
            (request.sku.isEmpty || line.sku == request.sku) && (location == nil || line.location == location)
        }
    }
}
