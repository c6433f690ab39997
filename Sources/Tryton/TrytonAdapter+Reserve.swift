public import Erp
internal import Inventory

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A hold and the records that shall be created for it, one for each line.
private struct ReservePlan: Sendable {
    /// Of the hold in the call.
    var index: Int
    var hold: ErpHold
    var records: [TrytonValue]
}

/// A hold whose shipments were created.
private struct CreatedHold: Sendable {
    var hold: ErpHold
    var ids: [Int]
}

extension TrytonAdapter {
    /// Creates the shipments of all holds in one call, makes them wait, assigns them, and reads what became of them.
    /// What was not assigned in full is cancelled.
    public func reserve(
        _ holds: [ErpHold], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> [ErpReply] {
        var replies = [ErpReply](repeating: .answer(.unknown), count: holds.count)
        let company: TrytonBook.Company
        var plans: [ReservePlan] = []
        do {
            company = try await book.company(deadline: deadline)
            let skus = Set(holds.flatMap { $0.lines.map(\.sku) })
            let products = try await book.products(skus, company.context, deadline: deadline)
            for (index, hold) in holds.enumerated() {
                do {
                    plans.append(try Self.plan(index, hold, company, products))
                } catch { replies[index] = error.reply }
            }
        } catch { throw Self.beforehand(error) }

        guard !plans.isEmpty else { return replies }
        do {
            let made = try await reserveTogether(plans, company, deadline)
            for (plan, reply) in zip(plans, made) { replies[plan.index] = reply }
        } catch {
            guard error.concernsOneHold else { throw error.failure }
            await book.forget()
            for plan in plans { replies[plan.index] = await reserveAlone(plan, company, deadline) }
        }
        return replies
    }

    /// Nothing about the holds themselves was sent yet.
    private static func beforehand(_ problem: TrytonProblem) -> ErpFailure {
        if case .noAnswer(let text) = problem { .notSent(text) } else { problem.failure }
    }

    private static func plan(
        _ index: Int, _ hold: ErpHold, _ company: TrytonBook.Company, _ products: [String: TrytonBook.Product]
    ) throws(TrytonProblem) -> ReservePlan {
        var records: [TrytonValue] = []
        for line in hold.lines {
            guard let warehouse = company.warehouses[line.location] else {
                throw .refused("no warehouse is named for the location \(line.location)")
            }
            guard let product = products[line.sku] else {
                throw .refused("Tryton does not have exactly one product with the code \(line.sku)")
            }
            let reference = ShipmentReference(reservationID: hold.reservationID, lineID: line.lineID)
            records.append(record(reference, product, warehouse, line.quantity, company))
        }
        return ReservePlan(index: index, hold: hold, records: records)
    }

    private static func record(
        _ reference: ShipmentReference, _ product: TrytonBook.Product, _ warehouse: TrytonBook.Warehouse,
        _ quantity: Int64, _ company: TrytonBook.Company
    ) -> TrytonValue {
        let today = today
        let move: TrytonValue = [
            "product": .id(product.id), "unit": .id(product.unit), "quantity": .integer(quantity),
            "from_location": .id(warehouse.output), "to_location": .id(company.customerLocation),
            "company": .id(company.id), "currency": .id(company.currency), "unit_price": .decimal("0"),
            "planned_date": today,
        ]
        return [
            "reference": .text(reference.text), "company": .id(company.id), "customer": .id(company.customer),
            "delivery_address": .id(company.address), "warehouse": .id(warehouse.id),
            "warehouse_storage": .id(warehouse.picking), "warehouse_output": .id(warehouse.output),
            "planned_date": today, "outgoing_moves": [["create", [move]]],
        ]
    }

    private static var today: TrytonValue {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(secondsFromGMT: 0) ?? calendar.timeZone
        let parts = calendar.dateComponents([.year, .month, .day], from: Date())
        return .date(year: parts.year ?? 1970, month: parts.month ?? 1, day: parts.day ?? 1)
    }

    /// Throws only while nothing was created, or when that is not known.
    private func reserveTogether(
        _ plans: [ReservePlan], _ company: TrytonBook.Company, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [ErpReply] {
        var ids = try await create(plans, company.context, deadline)[...]
        let created = plans.map { plan in
            defer { ids = ids.dropFirst(plan.records.count) }
            return CreatedHold(hold: plan.hold, ids: Array(ids.prefix(plan.records.count)))
        }
        return await assign(created, company.context, deadline)
    }

    private func reserveAlone(
        _ plan: ReservePlan, _ company: TrytonBook.Company, _ deadline: ContinuousClock.Instant
    ) async -> ErpReply {
        do {
            return try await reserveTogether([plan], company, deadline)[0]
        } catch {
            guard error == .duplicate else { return error.reply }
            // An earlier create came through after all. What it holds is the answer.
            guard let found = try? await lookUp([plan.hold], deadline: deadline).first else { return .answer(.unknown) }
            return found == .answer(.notFound) ? .retry("the shipments of an earlier try were let go of") : found
        }
    }

    /// The ids in the order of the records. Create is no call that may be repeated: before it is, nothing may be there.
    private func create(
        _ plans: [ReservePlan], _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [Int] {
        let records = plans.flatMap(\.records)
        var attempt = 0
        while true {
            do throws(TrytonProblem) {
                let answer = try await client.callOnce(
                    "model.stock.shipment.out.create", [.list(records), context], deadline: deadline)
                let ids = answer.list.compactMap(\.integer)
                guard ids.count == records.count else { throw .noAnswer("create did not answer with ids") }
                return ids
            } catch {
                guard case .busy(let text) = error else { throw error }
                attempt += 1
                guard await client.pause(beforeAttempt: attempt, deadline: deadline),
                    let found = try? await find(plans.map(\.hold), context, deadline),
                    found.allSatisfy(\.open.isEmpty)
                else { throw .noAnswer(text) }
            }
        }
    }

    /// From created to assigned, or cancelled. Does not throw: the shipments are there, so every hold has a reply.
    private func assign(
        _ created: [CreatedHold], _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async -> [ErpReply] {
        let ids = created.flatMap(\.ids)
        do {
            try await shipmentCall("wait", ids, context, deadline)
            try await shipmentCall("assign_try", ids, context, deadline)
            var found = try await find(created.map(\.hold), context, deadline)
            try await assignAgain(&found, context, deadline)
            // Letting go has a reply of its own: without an answer, only those are unknown.
            let short = found.filter { !$0.isWhole }
            let isGone = (try? await letGo(short.flatMap(\.open), context, deadline)) != nil
            return found.map { $0.isWhole ? .answer($0.answer) : .answer(isGone ? $0.refusal : .unknown) }
        } catch {
            guard case .refused(let text) = error else { return created.map { _ in .answer(.unknown) } }
            if created.count > 1 {
                var replies: [ErpReply] = []
                for hold in created { replies += await assign([hold], context, deadline) }
                return replies
            }
            let isGone = (try? await letGo(ids, context, deadline)) != nil
            return [isGone ? .failed(text) : .answer(.unknown)]
        }
    }

    /// In a batch a hold that comes to nothing may have taken what a later one could have had. Those are assigned once
    /// more, one by one, when what was held in vain is free again.
    private func assignAgain(
        _ found: inout [HoldFinding], _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) {
        let short = found.indices.filter { !found[$0].isWhole }
        let contested = short.filter { index in
            short.contains { $0 != index && found[$0].heldInVain.contains(where: found[index].lacks) }
        }
        guard !contested.isEmpty else { return }
        try await shipmentCall("wait", short.flatMap { found[$0].open }, context, deadline)
        for index in contested {
            let ids = found[index].open
            try await shipmentCall("assign_try", ids, context, deadline)
            guard let now = try await find([found[index].hold], context, deadline).first else { continue }
            found[index] = now
            if !now.isWhole { try await shipmentCall("wait", ids, context, deadline) }
        }
    }
}

extension TrytonProblem {
    /// The others of a batch may fare better alone.
    fileprivate var concernsOneHold: Bool {
        switch self {
        case .refused, .duplicate: true
        default: false
        }
    }
}
