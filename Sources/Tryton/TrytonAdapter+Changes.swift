public import Erp
internal import Inventory

/// What moved: a move counts towards a figure once it is assigned or done, and no longer when it is cancelled or taken
/// back. Tryton writes it each time, and a move is made as a draft, so `write_date` tells of all.
///
/// `write_date` is the time at which the transaction began.
extension TrytonAdapter {
    public func changes(
        at locations: [String], after mark: ErpChangeMark, limit: Int, deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpChangePage {
        do throws(TrytonProblem) {
            let company = try await book.company(deadline: deadline)
            let warehouses = try company.warehouses(at: locations)
            let time = TrytonValue.time(mark.timeNanoseconds)
            let isAfter: TrytonValue =
                mark.record == .min
                ? ["write_date", ">=", time]
                : [
                    "OR", ["write_date", ">", time], [["write_date", "=", time], ["id", ">", .integer(mark.record)]],
                ]
            let moves = try await client.call(
                "model.stock.move.search_read",
                [
                    [isAfter, Self.touches(warehouses)], 0, .id(limit), [["write_date", "ASC"], ["id", "ASC"]],
                    [
                        "state", "create_date", "write_date", "product.code", "from_location.warehouse",
                        "to_location.warehouse",
                    ], company.context,
                ], deadline: deadline
            ).list
            let changes = try moves.map { (move) throws(TrytonProblem) in try Self.change(move, warehouses) }
            return ErpChangePage(changes: changes, reached: changes.last?.mark, hasMore: moves.count == limit)
        } catch { throw error.failure }
    }

    public func newestChange(
        at locations: [String], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpChangeMark? {
        do throws(TrytonProblem) {
            let company = try await book.company(deadline: deadline)
            let warehouses = try company.warehouses(at: locations)
            let moves = try await client.call(
                "model.stock.move.search_read",
                [
                    [["write_date", "!=", nil], Self.touches(warehouses)], 0, 1,
                    [["write_date", "DESC"], ["id", "DESC"]], ["write_date"], company.context,
                ], deadline: deadline
            ).list
            return try moves.first.map { (move) throws(TrytonProblem) in try Self.mark(move) }
        } catch { throw error.failure }
    }

    /// Moves into or out of what a figure counts.
    private static func touches(_ warehouses: [TrytonBook.Warehouse]) -> TrytonValue {
        let counted = TrytonValue.ids(Set(warehouses.flatMap { [$0.storage, $0.output] }).sorted())
        return [
            "OR", ["from_location", "child_of", counted, "parent"], ["to_location", "child_of", counted, "parent"],
        ]
    }

    private static func mark(_ move: TrytonValue) throws(TrytonProblem) -> ErpChangeMark {
        guard let id = move["id"].integer, let time = move["write_date"].timeNanoseconds else {
            throw .misconfigured("Tryton's moves are not understood")
        }
        return ErpChangeMark(timeNanoseconds: time, record: Int64(id))
    }

    /// A product without a code is none of ours, and a draft that was only made never counted.
    private static func change(
        _ move: TrytonValue, _ warehouses: [TrytonBook.Warehouse]
    ) throws(TrytonProblem) -> ErpChange {
        let ends = ["from_location.", "to_location."].compactMap { move[$0]["warehouse"].integer }
        let sku = move["product."]["code"].text ?? ""
        let isNew = move["write_date"] == move["create_date"] && ["draft", "staging"].contains(move["state"])
        let touched = sku.isEmpty || isNew ? [] : warehouses.filter { ends.contains($0.id) }
        return ErpChange(mark: try mark(move), places: touched.map { ErpPlace(sku: sku, location: $0.location) })
    }
}
