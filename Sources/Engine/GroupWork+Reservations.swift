internal import Inventory
internal import Ledger

/// What callers ask of reservations.
extension GroupWork {
    /// Grants a hold, or answers what an earlier request of that id led to.
    mutating func reserve(
        _ wish: ReservationWish, _ identity: RequestIdentity
    ) throws(LedgerError) -> CommandOutcome {
        guard let entry = catalogue.channels[wish.channelID] else { return .refused(.channelNotFound(wish.channelID)) }
        let channel = try number(ofChannel: wish.channelID)
        if let repeated = try answerRepeat(identity, channel: channel, method: .create) { return repeated }
        let terms = HoldTerms.combined(wish.lines.map { entry.compiled.holdTerms(of: $0.sku) })
        let ttl = wish.ttlNanoseconds ?? terms.defaultTTLNanoseconds
        guard ttl <= terms.longestTTLNanoseconds else {
            let longest = terms.longestTTLNanoseconds / .perSecond
            return .refused(
                .invalidField(path: "ttl", reason: "channel \(wish.channelID) holds for at most \(longest) s"))
        }
        switch try grant(wish, entry, channel, terms, ttlNanoseconds: ttl, identity) {
        case .failure(let refusal): return .refused(refusal)
        case .success(let reservation):
            try store(reservation, replacing: nil)
            try remember(identity, channel: channel, method: .create, number: reservation.number)
            return .reserved(reservation, erpWaitMaxNanoseconds: terms.erpWaitMaxNanoseconds)
        }
    }

    /// Extends, commits or releases, or answers what an earlier request of that id led to.
    mutating func change(
        _ wish: ReservationChangeWish, _ identity: RequestIdentity
    ) throws(LedgerError) -> CommandOutcome {
        guard let found = try reservation(wish.number), found.epoch == wish.epoch else {
            return .refused(.reservationNotFound(ReservationID.text(number: wish.number, epoch: wish.epoch)))
        }
        let channel = try number(ofChannel: found.channel)
        if let repeated = try answerRepeat(
            identity, channel: channel, method: wish.kind.method, asked: found.number)
        {
            return repeated
        }
        let current = try expireIfDue(found)
        if let expected = wish.expectedVersion, expected != current.version {
            return .refused(.versionMismatch(id: current.id, current: current.version))
        }
        let result: Result<Reservation, EngineError>
        switch wish.kind {
        case .commit(let quantities, let reacquires, let order) where current.state == .expired && reacquires:
            result = try reacquire(current, quantities, orderReference: order, channel, identity)
        // What was given back already is given back: a release without its answer may be asked again under another id.
        case .release where current.state == .released:
            return .reserved(current, erpWaitMaxNanoseconds: 0)
        default:
            result = try change(current, wish.kind, identity)
        }
        switch result {
        case .failure(let refusal): return .refused(refusal)
        case .success(let changed):
            try remember(identity, channel: channel, method: wish.kind.method, number: changed.number)
            return .reserved(changed, erpWaitMaxNanoseconds: erpWaitMax(of: changed, asked: current.number))
        }
    }

    /// Takes an ERP's answer in.
    mutating func take(_ outcome: ErpOutcome) throws(LedgerError) {
        guard let reservation = try reservation(outcome.number) else { return }
        let current = try expireIfDue(reservation)
        var changed = current
        let isNew = changed.take(
            outcome.answer, to: outcome.kind, from: outcome.erp, shippedWhenAsked: outcome.shippedWhenAsked,
            erps: settings.erps, at: nextMoment(outcome.correlationID))
        if isNew {
            _ = batch.nextSequence()
            try store(changed, replacing: current)
            try keepNotFound(changed, before: current)
        } else if changed != current {
            try storeQuietly(changed, replacing: current)
        }
    }

    /// A confirmed hold that the ERP does not know stays subtracted, and is somebody's to look at.
    private mutating func keepNotFound(
        _ reservation: Reservation, before: Reservation
    ) throws(LedgerError) {
        for (line, former) in zip(reservation.lines, before.lines)
        where line.open > 0 && line.isNotFoundAtErp && !former.isNotFoundAtErp {
            var variance = Variance(cause: .holdNotFound)
            (variance.sku, variance.location) = (line.sku, line.location)
            (variance.ours, variance.theirs) = (line.open, 0)
            variance.reservationID = reservation.id
            try keep(variance)
        }
    }

    /// Has an ERP asked about holds that a read of its figures lacked.
    mutating func look(for missed: MissedHolds) throws(LedgerError) {
        for (number, lineIDs) in missed.lines.sorted(by: { $0.key < $1.key }) {
            guard let found = try reservation(number) else { continue }
            let current = try expireIfDue(found)
            var changed = current
            guard changed.miss(lineIDs, at: missed.erp, askedNanoseconds: missed.askedNanoseconds) else { continue }
            try storeQuietly(changed, replacing: current)
        }
    }

    private mutating func change(
        _ current: Reservation, _ kind: ReservationChangeKind, _ identity: RequestIdentity
    ) throws(LedgerError) -> Result<Reservation, EngineError> {
        var changed = current
        let moment = nextMoment(identity.correlationID)
        do throws(ReservationRefusal) {
            switch kind {
            case .extend(let asked):
                let terms = holdTerms(of: current)
                let ttl = asked ?? terms.defaultTTLNanoseconds
                guard ttl <= terms.longestTTLNanoseconds else {
                    throw .invalidField(
                        path: "ttl",
                        reason: "channel \(current.channel) holds for at most "
                            + "\(terms.longestTTLNanoseconds / .perSecond) s")
                }
                try changed.extend(ttlNanoseconds: ttl, at: moment)
            case .commit(let quantities, _, let order):
                try changed.commit(quantities, orderReference: order, erps: settings.erps, at: moment)
            case .release(let quantities):
                try changed.release(quantities, erps: settings.erps, at: moment)
            }
        } catch {
            return .failure(EngineError(error, id: current.id))
        }
        _ = batch.nextSequence()
        try store(changed, replacing: current)
        return .success(changed)
    }

    /// Holds what ran out again, under a new reservation linked with the old one, and commits that.
    private mutating func reacquire(
        _ expired: Reservation, _ quantities: [LineQuantity], orderReference: String, _ channel: ChannelNumber,
        _ identity: RequestIdentity
    ) throws(LedgerError) -> Result<Reservation, EngineError> {
        guard let entry = catalogue.channels[expired.channel] else {
            return .failure(.channelNotFound(expired.channel))
        }
        let lines: [GrantLine]
        do throws(ReservationRefusal) {
            lines = try expired.linesToReacquire(quantities)
        } catch {
            return .failure(EngineError(error, id: expired.id))
        }
        let wish = ReservationWish(
            channelID: expired.channel, lines: lines, ttlNanoseconds: nil,
            orderReference: orderReference.isEmpty ? expired.orderReference : orderReference,
            customer: expired.customer, allowsPartial: expired.allowsPartial)
        let terms = HoldTerms.combined(lines.map { entry.compiled.holdTerms(of: $0.sku) })
        let granted = try grant(
            wish, entry, channel, terms, ttlNanoseconds: terms.defaultTTLNanoseconds, identity)
        guard case .success(var fresh) = granted else { return granted }
        fresh.link(to: expired, at: moment(identity.correlationID))
        do throws(ReservationRefusal) {
            try fresh.commit(
                [], orderReference: wish.orderReference, erps: settings.erps, at: moment(identity.correlationID))
        } catch {
            return .failure(EngineError(error, id: expired.id))
        }
        try store(fresh, replacing: nil)
        var former = expired
        former.link(to: fresh, at: moment(identity.correlationID))
        try store(former, replacing: expired)
        return .success(fresh)
    }

    /// The terms that hold for what a reservation holds, by the policy of today.
    private func holdTerms(of reservation: Reservation) -> HoldTerms {
        guard let entry = catalogue.channels[reservation.channel] else { return HoldTerms() }
        return HoldTerms.combined(reservation.lines.map { entry.compiled.holdTerms(of: $0.sku) })
    }

    // MARK: Idempotency

    /// What a request that came before led to, as it stands now; nil for a new one.
    private mutating func answerRepeat(
        _ identity: RequestIdentity, channel: ChannelNumber, method: RequestMethod, asked: ReservationNumber? = nil
    ) throws(LedgerError) -> CommandOutcome? {
        guard
            let known = try batch.request(tenant: tenant, channel: channel, method: method, id: identity.requestID),
            // Older ones are forgotten, whether or not the hand has come by.
            known.timeNanoseconds >= retentionStartNanoseconds
        else { return nil }
        guard known.bodyDigest == identity.bodyDigest else { return .refused(.requestIDReused) }
        // Forgotten already: the policies kept less for a while.
        guard let reservation = try reservation(known.number) else { return nil }
        let current = try expireIfDue(reservation)
        if method == .create, current.state == .rejected, current.writeMode == .through {
            return .refused(.erpRejected(current))
        }
        return .reserved(current, erpWaitMaxNanoseconds: erpWaitMax(of: current, asked: asked))
    }

    /// Only callers for whom something was granted anew wait for the ERP, with a repeat as well; those who changed the
    /// reservation that they asked for do not. Nil: as long as they can.
    private func erpWaitMax(of reservation: Reservation, asked: ReservationNumber?) -> Int64? {
        reservation.number == asked ? 0 : holdTerms(of: reservation).erpWaitMaxNanoseconds
    }

    private mutating func remember(
        _ identity: RequestIdentity, channel: ChannelNumber, method: RequestMethod, number: ReservationNumber
    ) throws(LedgerError) {
        try batch.addRequest(
            RequestRecord(
                number: number, bodyDigest: identity.bodyDigest, timeNanoseconds: ledgerNanoseconds),
            tenant: tenant, channel: channel, method: method, id: identity.requestID)
    }

    /// What ended and what was asked before this is forgotten.
    var retentionStartNanoseconds: WallNanoseconds {
        let longest = longestTTLNanoseconds + 3_600 * .perSecond
        return ledgerNanoseconds - max(settings.reservationRetentionNanoseconds, longest)
    }
}

extension EngineError {
    init(_ refusal: ReservationRefusal, id: String) {
        switch refusal {
        case .state(let state): self = .reservationState(id: id, state: state)
        case .invalidField(let path, let reason): self = .invalidField(path: path, reason: reason)
        }
    }
}
