public import Erp
internal import Inventory

extension TrytonAdapter {
    /// Finds the holds' shipments by their references, tidies up what a broken-off reserve left, and says what is held.
    public func lookUp(
        _ holds: [ErpHold], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> [ErpReply] {
        do {
            let context = try await book.company(deadline: deadline).context
            var replies: [ErpReply] = []
            for finding in try await find(holds, context, deadline) {
                replies.append(await settle(finding, context, deadline))
            }
            return replies
        } catch { throw error.failure }
    }

    private func settle(
        _ finding: HoldFinding, _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async -> ErpReply {
        do {
            if finding.isWhole || finding.isEmpty {
                try await letGo(finding.doubles, context, deadline)
                return .answer(finding.answer)
            }
            // The reserve broke off, and nobody was told that anything is held. It is asked anew, by other shipments:
            // whatever of the old calls is still under way finds these cancelled.
            guard finding.wasConfirmed || finding.hasAnyLeft else {
                try await letGo(finding.open, context, deadline)
                return .answer(finding.answerWhenLetGo)
            }
            return .answer(try await finish(finding, context, deadline))
        } catch {
            return .retry(error.failure.description)
        }
    }

    /// Somebody at Tryton took back what was assigned. It is assigned again if it can be, and else let go of.
    private func finish(
        _ finding: HoldFinding, _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> ErpAnswer {
        try await letGo(finding.doubles, context, deadline)
        guard !finding.unfinished.isEmpty else { return finding.answer }
        try await shipmentCall("wait", finding.unfinished, context, deadline)
        try await shipmentCall("assign_try", finding.unfinished, context, deadline)
        guard let now = try await find([finding.hold], context, deadline).first else { return .notFound }
        try await letGo(now.unfinished, context, deadline)
        return now.answer
    }

    /// Cancels the shipments of the lines of which nothing shall remain.
    public func release(
        _ holds: [ErpHold], deadline: ContinuousClock.Instant
    ) async throws(ErpFailure) -> [ErpReply] {
        do throws(TrytonProblem) {
            let context = try await book.company(deadline: deadline).context
            var findings = try await find(holds, context, deadline)
            do {
                if try await !letGo(findings.flatMap(\.released), context, deadline) {
                    // Somebody was quicker: it may have been shipped.
                    findings = try await find(holds, context, deadline)
                }
            } catch {
                guard case .refused = error, findings.count > 1 else { throw error }
                return await releaseEach(findings, context, deadline)
            }
            return findings.map { .answer($0.answerToRelease) }
        } catch {
            guard case .refused(let text) = error, holds.count == 1 else { throw error.failure }
            return [.failed(text)]
        }
    }

    private func releaseEach(
        _ findings: [HoldFinding], _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async -> [ErpReply] {
        var replies: [ErpReply] = []
        for finding in findings {
            do {
                try await letGo(finding.released, context, deadline)
                replies.append(.answer(finding.answerToRelease))
            } catch { replies.append(error.reply) }
        }
        return replies
    }
}
