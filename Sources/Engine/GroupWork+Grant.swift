internal import Inventory
internal import Ledger

extension GroupWork {
    /// Decides a wish and makes the reservation of it; nothing is stored yet.
    mutating func grant(
        _ wish: ReservationWish, _ entry: ChannelEntry, _ channel: ChannelNumber, _ terms: HoldTerms,
        ttlNanoseconds: Int64, _ identity: RequestIdentity
    ) throws(LedgerError) -> Result<Reservation, EngineError> {
        if let grantRefusal { return .failure(grantRefusal) }
        var standing: CustomerStanding?
        if !wish.customer.isEmpty, entry.compiled.limitsCustomers {
            let current = customerStanding(channel: wish.channelID, customer: wish.customer)
            if let most = terms.customerHoldsMax, current.holds >= most {
                return .failure(.holdLimitReached(customer: wish.customer, holdsMax: most))
            }
            standing = current
        }
        var planner = GrantPlanner(
            channel: entry.compiled, watermarks: grantWatermarks(), isDegraded: entry.isDegraded,
            nowNanoseconds: nowNanoseconds, allowsPartial: wish.allowsPartial, customer: standing)
        var plan = GrantPlan()
        if mayLackExpiries {
            // What ends at one position may change another: all of it before anything is planned.
            for line in wish.lines { _ = try stock(of: line.sku, channel) }
        }
        for (index, line) in wish.lines.enumerated() {
            var stock = try stock(of: line.sku, channel)
            let deaf = try findLot(of: line, entry.compiled.sourcing, in: &stock)
            let shortagesBefore = plan.shortages.count
            planner.plan(line, at: index, stock: stock, into: &plan)
            if let deaf, plan.shortages.count > shortagesBefore {
                return .failure(
                    .invalidField(
                        path: "lines[\(index)].lot",
                        reason: "the ERP \(settings.erps.erp(ofLocation: deaf)) of \(deaf) cannot hold a lot"))
            }
        }
        guard plan.granted > 0, wish.allowsPartial || plan.shortages.isEmpty else {
            return .failure(.notGranted(plan.shortages))
        }
        guard wish.lines.count + plan.parts.count <= Limits.linesPerSplitReservationMax else {
            return .failure(
                .invalidField(
                    path: "lines",
                    reason: "split over locations they come to more than \(Limits.linesPerSplitReservationMax) parts"))
        }
        let at = moment(identity.correlationID)
        var reservation = Reservation(
            number: at.sequence, epoch: batch.epoch, channel: wish.channelID, customer: wish.customer,
            orderReference: wish.orderReference, createTimeNanoseconds: at.ledgerNanoseconds,
            expireTimeNanoseconds: at.ledgerNanoseconds + ttlNanoseconds,
            expireMaxNanoseconds: at.ledgerNanoseconds + terms.longestTTLNanoseconds,
            allowsPartial: wish.allowsPartial, writeMode: terms.writeMode, lines: lines(wish, plan))
        reservation.note(.granted, from: nil, at: at)
        if reservation.erpState != .notRequired, let backlogRefusal { return .failure(backlogRefusal) }
        return .success(reservation)
    }

    /// The requested lines in order, a split one as several; of one that is granted nothing a line that says why.
    private func lines(_ wish: ReservationWish, _ plan: GrantPlan) -> [ReservationLine] {
        var lines: [ReservationLine] = []
        for (index, wished) in wish.lines.enumerated() {
            let parts = plan.parts.filter { $0.lineIndex == index }
            let shortage = plan.shortages.first { $0.lineIndex == index }
            let reason = shortage.map { "\($0.reason.name): \($0.text)" } ?? ""
            if parts.isEmpty {
                var line = ReservationLine(
                    id: UInt32(lines.count + 1), sku: wished.sku, location: 0, lot: wished.lot,
                    requested: wished.quantity, quantity: 0, erp: "")
                line.reason = reason
                lines.append(line)
            }
            for (place, part) in parts.enumerated() {
                let location = catalogue.directory.location(part.location)?.id ?? ""
                var line = ReservationLine(
                    id: UInt32(lines.count + 1), sku: wished.sku, location: part.location, lot: wished.lot,
                    requested: place == 0 ? wished.quantity : 0, quantity: part.quantity,
                    erp: settings.erps.erp(ofLocation: location))
                if place == 0 { line.reason = reason }
                lines.append(line)
            }
        }
        return lines
    }

    /// Every position of a sku, what has run out there ended first.
    private mutating func stock(of sku: String, _ channel: ChannelNumber) throws(LedgerError) -> [GrantStock] {
        var positions = try batch.positions(tenant: figures, sku: sku)
        let now = ledgerNanoseconds
        let due = positions.filter {
            $0.position.nextExpiryNanoseconds != 0 && $0.position.nextExpiryNanoseconds <= now
        }
        if !due.isEmpty {
            for (location, _) in due { try expireHolds(sku: sku, location: location) }
            positions = try batch.positions(tenant: figures, sku: sku)
        }
        return positions.map { location, position in
            GrantStock(
                location: location, figures: StockFigures(position), openHolds: position.openHolds(of: channel))
        }
    }

    /// Tells what there is of the line's lot at each position, of a line without one nothing. Returns a location that has
    /// some of it and whose ERP would not hold that lot, but any; nil: there is none.
    private func findLot(
        of line: GrantLine, _ sourcing: [LocationNumber], in stock: inout [GrantStock]
    ) throws(LedgerError) -> String? {
        guard !line.lot.isEmpty else { return nil }
        var deaf: String?
        for index in stock.indices {
            let (place, location) = (
                stock[index].location, catalogue.directory.location(stock[index].location)?.id ?? ""
            )
            guard let lot = try batch.lot(tenant: figures, sku: line.sku, location: place, lot: line.lot) else {
                continue
            }
            if settings.erps.takesLots(settings.erps.erp(ofLocation: location)) {
                stock[index].lotSellable = lot.sellable
            } else if sourcing.contains(place), catalogue.directory.contains(place, in: line.scope) {
                deaf = deaf ?? location
            }
        }
        return deaf
    }

    /// Made once for all grants between two events.
    mutating func grantWatermarks() -> SourceWatermarks {
        if let watermarks { return watermarks }
        let made = catalogue.watermarks
        watermarks = made
        return made
    }

    private func customerStanding(channel: String, customer: String) -> CustomerStanding {
        let key = ReservationIndex.CustomerKey(channel: channel, customer: customer)
        var standing = index.standing(key)
        if let change = customerChanges[key] { standing += change }
        return standing
    }
}

extension HoldTerms {
    /// The terms of several lines together: the shortest times, the wait of the one that waits longest, and one line that
    /// waits for the ERP makes the reservation wait. Units are each line's own.
    static func combined(_ all: [HoldTerms]) -> HoldTerms {
        guard var result = all.first else { return HoldTerms() }
        for terms in all.dropFirst() {
            result.defaultTTLNanoseconds = min(result.defaultTTLNanoseconds, terms.defaultTTLNanoseconds)
            result.longestTTLNanoseconds = min(result.longestTTLNanoseconds, terms.longestTTLNanoseconds)
            if terms.writeMode == .through { result.writeMode = .through }
            if let longest = result.erpWaitMaxNanoseconds {
                result.erpWaitMaxNanoseconds = terms.erpWaitMaxNanoseconds.map { max($0, longest) }
            }
        }
        result.defaultTTLNanoseconds = min(result.defaultTTLNanoseconds, result.longestTTLNanoseconds)
        return result
    }
}
