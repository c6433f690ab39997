internal import Calls
internal import Engine
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// What GetPosition tells of lots.
extension OperationsService {
    /// One lot in place of the whole position.
    func fill(
        _ response: inout Availability_V1_GetPositionResponse, _ request: Availability_V1_GetPositionRequest,
        _ location: LocationNumber, _ reads: LoopReads
    ) throws(CallStatus) {
        let lots = try liveLots(of: request.sku, at: location, reads)
        guard let found = lots.first(where: { $0.lot == request.lot })?.part else {
            throw .failure(
                .notFound, .positionNotFound,
                "\(request.sku) has no lot \(request.lot) at \(request.location)",
                metadata: ["sku": request.sku, "location": request.location, "lot": request.lot])
        }
        response.lot = request.lot
        fill(&response, found, location, reads)
    }

    /// Every lot and, before them, what belongs to none.
    func lots(
        of sku: String, at location: LocationNumber, _ whole: Position, _ reads: LoopReads
    ) throws(CallStatus) -> [Availability_V1_LotPosition] {
        guard whole.isSplit else { return [] }
        let lots = try liveLots(of: sku, at: location, reads)
        let rest = lots.reduce(whole.buckets) { $0 - $1.part.buckets }
        return [Availability_V1_LotPosition(lot: "", rest)]
            + lots.map { Availability_V1_LotPosition(lot: $0.lot, $0.part.buckets) }
    }

    private func liveLots(
        of sku: String, at location: LocationNumber, _ reads: LoopReads
    ) throws(CallStatus) -> [(lot: String, part: Position)] {
        do throws(LedgerError) {
            return try reads.stock.liveLots(
                of: sku, at: location, ledgerNanoseconds: environment.clock.nowNanoseconds)
        } catch { throw error.callStatus }
    }
}

extension Availability_V1_LotPosition {
    init(lot: String, _ buckets: Buckets) {
        self.init()
        self.lot = lot
        position = Availability_V1_Position(buckets)
        var part = Position()
        part.buckets = buckets
        sellable = part.sellable
    }
}
