internal import Calls
internal import Engine
internal import Feeds
internal import Inventory
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// Makes the answer of GetServerStatus.
struct ServerStatus {
    let environment: ServiceEnvironment

    func response(reads: LoopReads) throws(CallStatus) -> Availability_V1_GetServerStatusResponse {
        try reads.requireSnapshot()
        let now = environment.now()
        let state = reads.stock.state
        var response = Availability_V1_GetServerStatusResponse()
        response.version = environment.version
        response.epoch = environment.epoch
        response.sequence = reads.stock.sequence
        response.startTime = .init(wallNanoseconds: environment.startNanoseconds)
        response.uptime = .init(nanosecondCount: max(0, now - environment.startNanoseconds))
        response.ledgerTime = .init(wallNanoseconds: environment.clock.nowNanoseconds)
        response.tenant = environment.tenantName
        response.ledger = try ledger(sequence: reads.stock.sequence)
        response.limits = limits
        let feeds = environment.feeds.conditions
        response.sources = state.sources.map { source in
            var summary = Availability_V1_SourceSummary()
            summary.id = source.id
            summary.status = .init(source, feeds: feeds, nowNanoseconds: now, settings: environment.settings)
            if source.progress.watermarkNanoseconds > 0 {
                summary.lag = .init(nanosecondCount: max(0, now - source.progress.watermarkNanoseconds))
            }
            return summary
        }
        response.channels = state.channels.map { entry in
            var status = Availability_V1_ChannelStatus()
            status.channel = entry.channel.id
            status.policyVersion = entry.channel.policyVersion
            if let degradation = entry.degradation.reason {
                status.degraded = true
                status.degradationReason = degradation.name
                status.degradedSince = .init(wallNanoseconds: degradation.sinceNanoseconds)
            }
            return status
        }
        response.erps = environment.erps().map { condition in
            var status = Availability_V1_ErpStatus()
            status.erp = condition.name
            status.available = condition.unavailableReason.isEmpty
            status.reason = condition.unavailableReason
            status.writesWaiting = UInt64(condition.writesWaiting)
            if let age = condition.oldestWriteAgeNanoseconds { status.oldestWriteAge = .init(nanosecondCount: age) }
            status.callsInFlight = UInt32(clamping: condition.callsInFlight)
            return status
        }
        let checks = environment.checks()
        response.checks = checks.map { check in
            var readiness = Availability_V1_ReadinessCheck()
            readiness.name = check.name
            readiness.ready = check.isHealthy
            readiness.detail = check.detail
            return readiness
        }
        response.ready = checks.allSatisfy(\.isHealthy)
        return response
    }

    private func ledger(sequence: UInt64) throws(CallStatus) -> Availability_V1_LedgerStatus {
        let statistics: LedgerStatistics
        do throws(LedgerError) {
            statistics = try environment.ledger.statistics()
        } catch {
            throw error.callStatus
        }
        var status = Availability_V1_LedgerStatus()
        status.usedBytes = statistics.usedBytes
        status.quotaBytes = statistics.quotaBytes
        status.mapBytes = statistics.mapBytes
        status.positions =
            statistics.state.positions &- (environment.board.state.rebuild?.silentPositions ?? 0)
        status.readers = UInt32(clamping: statistics.readers)
        status.oldestReaderSequence = sequence
        status.deadLetters = statistics.state.deadLetters
        status.openReservations = statistics.state.openReservations
        status.oldestChangeSequence = statistics.state.changesPrunedThrough + 1
        status.erpWritesWaiting = UInt64(environment.outbox.count)
        return status
    }

    private var limits: Availability_V1_Limits {
        var limits = Availability_V1_Limits()
        limits.skuBytesMax = UInt32(Limits.skuBytesMax)
        limits.nameBytesMax = UInt32(Limits.nameBytesMax)
        limits.idBytesMax = UInt32(Limits.idBytesMax)
        limits.checkLinesMax = UInt32(Limits.linesPerCheckMax)
        limits.reservationLinesMax = UInt32(Limits.linesPerReservationMax)
        limits.explainLinesMax = UInt32(Limits.linesPerExplanationMax)
        limits.eventsMax = UInt32(Limits.eventsPerBatchMax)
        limits.messageBytesMax = UInt32(environment.messageBytesMax)
        limits.headerListBytesMax = UInt32(environment.headerListBytesMax)
        limits.headerFieldsMax = UInt32(environment.headerFieldsMax)
        limits.quantityMax = Limits.quantityMax
        limits.horizon = .init(nanosecondCount: environment.settings.horizonNanoseconds)
        limits.clockSkewMax = .init(nanosecondCount: environment.settings.clockSkewMaxNanoseconds)
        limits.policyOverridesMax = UInt32(Limits.policyOverridesMax)
        return limits
    }
}
