import Engine
import Inventory

/// Planted bugs of dead letters and of repairs.
extension PlantedStep {
    /// The last command, if it is an event that cannot be applied, is answered and not kept.
    func withoutLetter(_ tenancy: Tenancy, _ commands: [EngineCommand], _ time: EngineTime) -> Engine.StepOutcome {
        var model = tenancy.model
        model.advance(to: time.ledgerNanoseconds)
        guard case .publish(_, let events, _, _) = commands.last, let event = events.first?.event,
            model.publish(event, wall: time.wallNanoseconds) == .deadLettered,
            case .replies(let replies) = tenancy.engine.step(Array(commands.dropLast()), time: time)
        else { return tenancy.engine.step(commands, time: time) }
        let result = EventResult(id: event.id, outcome: .deadLettered)
        return .replies(replies + [.published(results: [result], sequence: 0)])
    }

    /// What is tried again comes under another id as well.
    func twice(_ tenancy: Tenancy, _ commands: [EngineCommand], _ time: EngineTime) -> Engine.StepOutcome {
        let extra = commands.flatMap { command -> [EngineCommand] in
            guard case .dealWithDeadLetters(let tenant, let wish) = command else { return [] }
            return wish.letters.compactMap(\.incoming).filter { tenancy.model.terms.knows($0.event.location) }.map {
                var event = $0.event
                event.id += "~"
                return .publish(tenant: tenant, events: [IncomingEvent(event: event, original: $0.original)])
            }
        }
        guard case .replies(let replies) = tenancy.engine.step(commands + extra, time: time) else {
            return .fatal("the power was cut")
        }
        return .replies(Array(replies.prefix(commands.count)))
    }

    /// Repairs at the head of a group are answered and not done.
    func withoutRepair(_ tenancy: Tenancy, _ commands: [EngineCommand], _ time: EngineTime) -> Engine.StepOutcome {
        var model = tenancy.model
        guard case .reconcile(_, .repair(let repair)) = commands.first,
            case .repaired(let reasons) = try? model.reconcile(.repair(repair)),
            case .replies(let replies) = tenancy.engine.step(Array(commands.dropFirst()), time: time)
        else { return tenancy.engine.step(commands, time: time) }
        let outcomes = zip(repair.numbers, reasons).map { number, reason in
            VarianceOutcome(number: number, state: .open, reason: reason)
        }
        return .replies([.reconciliation(.repaired(outcomes), sequence: 0)] + replies)
    }

    /// What is to be repaired is compared once more right before, by somebody else and with the figures of then.
    func afterAnotherLook(_ tenancy: Tenancy, _ commands: [EngineCommand], _ time: EngineTime) -> Engine.StepOutcome {
        let (model, tenant) = (tenancy.model, tenancy.engine.tenantNumber)
        guard case .reconcile(_, .repair(let repair)) = commands.first else {
            return tenancy.engine.step(commands, time: time)
        }
        let figures = repair.numbers.compactMap { number -> ErpPosition? in
            guard case .figure(let key) = model.variances.seen[number], let entry = model.variances.open[key] else {
                return nil
            }
            var values = model.stock[key.place]?.values ?? Buckets()
            values[key.bucket] = entry.theirs
            return ErpPosition(
                sku: key.place.sku, location: tenancy.terms.locations[key.place.location] ?? "",
                onHand: values[.onHand], allocated: values[.allocated], contains: [])
        }
        let record = Reconciliation(
            id: "planted", requestID: "planted", erp: "plain", createTimeNanoseconds: time.wallNanoseconds,
            actor: "", reason: "")
        let page = ComparisonPage(
            reconciliationID: record.id, figures: figures, askedWallNanoseconds: time.wallNanoseconds,
            askedLedgerNanoseconds: time.ledgerNanoseconds)
        let looks = [ReconciliationCommand.start(record), .compare(page)].map {
            EngineCommand.reconcile(tenant: tenant, $0)
        }
        guard case .replies(let replies) = tenancy.engine.step(looks + commands, time: time) else {
            return .fatal("the power was cut")
        }
        return .replies(Array(replies.dropFirst(looks.count)))
    }
}
