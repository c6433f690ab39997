public import Erp
public import Inventory

extension TrytonAdapter {
    /// Gross stock is what lies in storage and output. Allocated is what is assigned out of storage, and all that lies
    /// in the output, which was picked for somebody.
    public func readPositions(
        locations: [String], after sku: String, limit: Int, deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> ErpPositionPage {
        do throws(TrytonProblem) {
            let company = try await book.company(deadline: deadline)
            var products = try await products(after: sku, limit + 1, company.context, deadline)
            let next = products.count > limit ? products[limit - 1].sku : nil
            products = Array(products.prefix(limit))
            let positions = try await figures(products, at: locations, company, deadline)
            return ErpPositionPage(positions: positions, next: next)
        } catch { throw error.failure }
    }

    public func readPositions(
        skus: [String], locations: [String], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> [ErpPosition] {
        do throws(TrytonProblem) {
            let company = try await book.company(deadline: deadline)
            let products = try await products(["code", "in", .texts(skus)], nil, company.context, deadline)
            return try await figures(products, at: locations, company, deadline)
        } catch { throw error.failure }
    }

    private func products(
        after sku: String, _ limit: Int, _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [(sku: String, id: Int)] {
        try await products(["code", ">", .text(sku)], .id(limit), context, deadline)
    }

    private func products(
        _ condition: TrytonValue, _ limit: TrytonValue, _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [(sku: String, id: Int)] {
        try await client.call(
            "model.product.product.search_read",
            [
                [condition, ["type", "=", "goods"]], 0, limit, [["code", "ASC"], ["id", "ASC"]], ["code"], context,
            ], deadline: deadline
        ).list.compactMap { record in
            guard let code = record["code"].text, let id = record["id"].integer else { return nil }
            return (code, id)
        }
    }

    private func figures(
        _ products: [(sku: String, id: Int)], at locations: [String], _ company: TrytonBook.Company,
        _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [ErpPosition] {
        guard !products.isEmpty else { return [] }
        var positions: [ErpPosition] = []
        for warehouse in try company.warehouses(at: locations) {
            positions += try await figures(products, warehouse, company.context, deadline)
        }
        return positions.sorted { ($0.sku, $0.location) < ($1.sku, $1.location) }
    }

    /// The moves are read before the quantities: what is shipped in between is then subtracted twice for a moment, and
    /// never not at all.
    private func figures(
        _ products: [(sku: String, id: Int)], _ warehouse: TrytonBook.Warehouse, _ context: TrytonValue,
        _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [ErpPosition] {
        let ids = products.map(\.id)
        let hasOutput = warehouse.output != warehouse.storage
        let moves = try await moves(ids, warehouse, context, deadline)
        let stored = try await quantities(ids, warehouse.storage, context, deadline)
        let picked = hasOutput ? try await quantities(ids, warehouse.output, context, deadline) : [:]
        var tallies: [Int: MoveTally] = [:]
        for move in moves { tallies[move["product"].integer ?? 0, default: MoveTally()].add(move, warehouse) }
        return products.map { product in
            let tally = tallies[product.id] ?? MoveTally()
            let inOutput = picked[product.id] ?? 0
            return ErpPosition(
                sku: product.sku, location: warehouse.location,
                onHand: Int64(clamping: ((stored[product.id] ?? 0) + inOutput).rounded(.down)),
                allocated: Int64(clamping: (tally.assigned + max(0, inOutput)).rounded(.up)),
                contains: tally.contains)
        }
    }

    /// Everything assigned out of storage, and ours that are on their way out of the output.
    private func moves(
        _ products: [Int], _ warehouse: TrytonBook.Warehouse, _ context: TrytonValue,
        _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [TrytonValue] {
        let fromStorage: TrytonValue = [
            ["from_location", "child_of", .ids([warehouse.storage]), "parent"], ["state", "=", "assigned"],
        ]
        let fromOutput: TrytonValue = [
            ["from_location", "=", .id(warehouse.output)], ["state", "in", ["draft", "assigned"]],
            ["shipment.reference", "like", .text("\(ShipmentReference.prefix)%"), "stock.shipment.out"],
            ["shipment.state", "in", ["picked", "packed", "shipped"], "stock.shipment.out"],
        ]
        return try await client.call(
            "model.stock.move.search_read",
            [
                [["product", "in", .ids(products)], ["OR", fromStorage, fromOutput]], 0, nil, [["id", "ASC"]],
                ["product", "internal_quantity", "from_location", "shipment.reference"], context,
            ], deadline: deadline
        ).list
    }

    private func quantities(
        _ products: [Int], _ location: Int, _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [Int: Double] {
        guard case .object(var fields) = context else { return [:] }
        fields["locations"] = .ids([location])
        fields["with_childs"] = true
        let records = try await client.call(
            "model.product.product.search_read",
            [[["id", "in", .ids(products)]], 0, nil, nil, ["quantity"], .object(fields)], deadline: deadline
        ).list
        var quantities: [Int: Double] = [:]
        for record in records {
            guard let id = record["id"].integer else { continue }
            quantities[id] = record["quantity"].number ?? 0
        }
        return quantities
    }
}

/// What the moves of one product in one warehouse add up to.
struct MoveTally {
    /// Units assigned out of storage.
    private(set) var assigned = 0.0
    /// Our holds, in the order they were met.
    private(set) var contains: [ContainedHold] = []

    mutating func add(_ move: TrytonValue, _ warehouse: TrytonBook.Warehouse) {
        let quantity = move["internal_quantity"].number ?? 0
        // What comes out of the output is part of what lies there, which is allocated as a whole.
        if move["from_location"].integer != warehouse.output || warehouse.output == warehouse.storage {
            assigned += quantity
        }
        guard let reference = move["shipment."]["reference"].text.flatMap(ShipmentReference.init) else { return }
        let units = Int64(clamping: quantity.rounded(.down))
        if let index = contains.firstIndex(where: {
            $0.reservationID == reference.reservationID && $0.lineID == reference.lineID
        }) {
            contains[index].quantity += units
        } else {
            contains.append(
                ContainedHold(reservationID: reference.reservationID, lineID: reference.lineID, quantity: units))
        }
    }
}
