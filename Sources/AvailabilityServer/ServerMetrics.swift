internal import Engine
internal import Feeds
internal import HotTable
internal import Inventory
internal import Ledger
internal import Operations
internal import Services

/// What the metrics page says of stock, sources and store, besides the calls.
struct ServerMetrics: Sendable {
    let ledger: Ledger
    let watch: StructureWatch
    let writer: EngineThread
    let board: StateBoard
    let erps: ErpHosting
    let feeds: FeedHosting
    let publications: PublicationHosting
    let watches: AvailabilityWatches

    @Sendable func families() -> [MetricFamily] {
        let state = board.state
        return sourceFamilies(state) + channelFamilies(state) + readFamilies() + ledgerFamilies() + erpFamilies(state)
            + feedFamilies() + publicationFamilies() + [reservationChanges] + watchFamilies()
    }

    private func sourceFamilies(_ state: PublishedState) -> [MetricFamily] {
        let now = wallClockNanoseconds()
        func samples(_ value: (SourceProgress) -> MetricValue) -> [MetricFamily.Sample] {
            state.sources.map { MetricFamily.Sample([MetricLabel("source", $0.id)], value($0.progress)) }
        }
        let events = state.sources.flatMap { source in
            let progress = source.progress
            return [
                ("applied", progress.applied), ("duplicate", progress.duplicates), ("superseded", progress.superseded),
                ("buffered", progress.buffered),
                ("dead_lettered", progress.deadLettered),
            ].map { outcome, count in
                MetricFamily.Sample(
                    [MetricLabel("source", source.id), MetricLabel("outcome", outcome)], .count(count))
            }
        }
        return [
            MetricFamily(
                "availability_events_total", help: "Events taken in, by what became of them.", kind: .counter,
                samples: events),
            MetricFamily(
                "availability_source_watermark_age_seconds",
                help: "How far behind now the source's gap-free prefix is.", kind: .gauge,
                samples: samples { .real(max(0, Double(now - $0.watermarkNanoseconds) / 1e9)) }),
            MetricFamily(
                "availability_source_gap", help: "1 while a sequence of the source is missing.", kind: .gauge,
                samples: samples { .whole($0.gapSinceNanoseconds == nil ? 0 : 1) }),
            MetricFamily(
                "availability_source_late_fillers_total", help: "Events that came after later ones had passed them.",
                kind: .counter, samples: samples { .count($0.lateFillers) }),
        ]
    }

    private func erpFamilies(_ state: PublishedState) -> [MetricFamily] {
        let conditions = erps.conditions()
        func samples(_ value: (ErpCondition) -> MetricValue) -> [MetricFamily.Sample] {
            conditions.map { MetricFamily.Sample([MetricLabel("erp", $0.name)], value($0)) }
        }
        return [
            MetricFamily(
                "availability_erp_writes_waiting", help: "Writes that wait for the ERP.", kind: .gauge,
                samples: samples { .whole(Int64($0.writesWaiting)) }),
            MetricFamily(
                "availability_erp_oldest_write_age_seconds", help: "Age of the oldest write that waits; 0: none.",
                kind: .gauge, samples: samples { .real(Double($0.oldestWriteAgeNanoseconds ?? 0) / 1e9) }),
            MetricFamily(
                "availability_erp_available", help: "1 while the ERP is called: breaker closed, no maintenance.",
                kind: .gauge, samples: samples { .whole($0.unavailableReason.isEmpty ? 1 : 0) }),
            MetricFamily(
                "availability_erp_unknown_holds",
                help: "Lines that the ERP holds for us and that are not held here, by its last reading.", kind: .gauge,
                samples: conditions.compactMap { condition in
                    erps.findings.unknownHolds(of: condition.name).map {
                        MetricFamily.Sample([MetricLabel("erp", condition.name)], .whole(Int64($0)))
                    }
                }),
            MetricFamily(
                "availability_erp_calls_in_flight", help: "Calls that wait for the ERP's answer.", kind: .gauge,
                samples: samples { .whole(Int64($0.callsInFlight)) }),
            MetricFamily(
                "availability_channel_degraded", help: "1 while the channel keeps back its degradation buffer.",
                kind: .gauge,
                samples: state.channels.map {
                    MetricFamily.Sample([MetricLabel("channel", $0.channel.id)], .whole($0.isDegraded ? 1 : 0))
                }),
        ]
    }

    private func watchFamilies() -> [MetricFamily] {
        let statistics = watches.statistics
        return [
            MetricFamily(
                "availability_watches", help: "WatchAvailability calls now.", kind: .gauge,
                value: .whole(Int64(statistics.watches))),
            MetricFamily(
                "availability_watch_lines", help: "Lines that they name or remember.", kind: .gauge,
                value: .whole(Int64(statistics.lines))),
            MetricFamily(
                "availability_watch_messages_total", help: "Messages sent to them.", kind: .counter,
                value: .count(statistics.messages)),
            MetricFamily(
                "availability_watch_conflated_total",
                help: "Changes that joined an earlier one of the same line that was not told yet.", kind: .counter,
                value: .count(statistics.conflated)),
        ]
    }

    private var reservationChanges: MetricFamily {
        let counts = board.changesByCause
        return MetricFamily(
            "availability_reservation_changes_total", help: "Changes of reservations, by cause.", kind: .counter,
            samples: ReservationCause.allCases.map {
                MetricFamily.Sample([MetricLabel("cause", $0.name)], .count(counts[$0] ?? 0))
            })
    }

    private func channelFamilies(_ state: PublishedState) -> [MetricFamily] {
        func samples(_ value: (ChannelEntry) -> MetricValue) -> [MetricFamily.Sample] {
            state.channels.map { MetricFamily.Sample([MetricLabel("channel", $0.channel.id)], value($0)) }
        }
        return [
            MetricFamily(
                "availability_channel_throttled_total", help: "Calls refused by the channel's throttle.",
                kind: .counter,
                samples: samples { .count($0.throttledCount) }),
            MetricFamily(
                "availability_channel_policy_version", help: "The version of the channel's policy in force.",
                kind: .gauge, samples: samples { .count($0.channel.policyVersion) }),
        ]
    }

    private func readFamilies() -> [MetricFamily] {
        let answered = board.callsAnswered
        var families = [
            MetricFamily(
                "availability_check_calls_answered_total", help: "CheckAvailability calls by where they were read.",
                kind: .counter,
                samples: [
                    MetricFamily.Sample([MetricLabel("from", "hot_table")], .count(answered.fromHotTable)),
                    MetricFamily.Sample([MetricLabel("from", "ledger")], .count(answered.fromLedger)),
                ])
        ]
        guard let statistics = board.hotTable?.statistics else { return families }
        func gauge(_ name: String, _ help: String, _ value: Int) {
            families.append(MetricFamily(name, help: help, kind: .gauge, value: .whole(Int64(value))))
        }
        gauge("availability_hot_table_ready", "1 once it answers.", statistics.isReady ? 1 : 0)
        gauge("availability_hot_table_complete", "1 while it holds every sku.", statistics.isComplete ? 1 : 0)
        gauge("availability_hot_table_positions", "Positions it holds.", statistics.positions)
        gauge("availability_hot_table_bytes", "Memory of its rows and its index.", statistics.bytes)
        gauge("availability_hot_table_bytes_max", "The most memory it takes.", statistics.bytesMax)
        return families
    }

    private var commitSeconds: MetricFamily {
        let times = writer.commitTimes
        return MetricFamily(
            "availability_ledger_commit_seconds",
            help: "How long commits took, their sync included: what a reservation waits for at most twice.",
            kind: .histogram,
            value: .histogram(
                MetricHistogram(
                    bounds: CommitTimes.boundsNanoseconds.map { Double($0) / 1e9 }, counts: times.counts,
                    sum: Double(times.sumNanoseconds) / 1e9)))
    }

    private func ledgerFamilies() -> [MetricFamily] {
        var families = [
            MetricFamily(
                "availability_ledger_waiting_records", help: "Records waiting for the writer.", kind: .gauge,
                value: .whole(Int64(writer.waitingWeight))),
            commitSeconds,
        ]
        let statistics: LedgerStatistics
        do throws(LedgerError) { statistics = try ledger.statistics() } catch { return families }
        func gauge(_ name: String, _ help: String, _ value: UInt64) {
            families.append(MetricFamily(name, help: help, kind: .gauge, value: .count(value)))
        }
        gauge("availability_ledger_sequence", "The last committed ledger sequence.", statistics.state.sequence)
        gauge("availability_ledger_commits", "Commits since the store was made.", statistics.lastTransactionID)
        gauge(
            "availability_ledger_positions", "Positions that answer.",
            statistics.state.positions &- (board.state.rebuild?.silentPositions ?? 0))
        gauge("availability_ledger_journal_entries", "Events kept for rebasing.", statistics.state.journalEntries)
        gauge("availability_open_reservations", "ACTIVE and COMMITTED reservations.", statistics.state.openReservations)
        gauge(
            "availability_short_positions", "Positions whose stock is below their holds.",
            statistics.state.shortPositions &- (board.state.rebuild?.silentShortPositions ?? 0))
        gauge("availability_reservations", "Reservations kept.", statistics.state.reservations)
        gauge("availability_request_ids", "Request ids kept.", statistics.state.requestIDs)
        gauge("availability_dead_letters", "Events that could not be applied and wait.", statistics.state.deadLetters)
        gauge(
            "availability_dead_letters_max", "So many are kept; beyond it batches with new ones are refused.",
            UInt64(Limits.deadLettersMax))
        gauge("availability_dead_letter_bytes", "What dead letters take.", statistics.state.deadLetterBytes)
        gauge(
            "availability_dead_letter_bytes_max", "So much they may take; beyond it batches with new ones are refused.",
            board.deadLetters.bytesMax)
        gauge("availability_references", "Transfers and allocations kept.", statistics.state.references)
        gauge("availability_references_max", "So many are kept.", Limits.referencesMax)
        families.append(
            MetricFamily(
                "availability_references_left_out_total",
                help: "Events whose part in a transfer or an allocation was left out, since so many are kept.",
                kind: .counter, value: .count(board.legsLeftOut)))
        gauge("availability_ledger_used_bytes", "Bytes of the store in use.", statistics.usedBytes)
        gauge("availability_ledger_file_bytes", "Bytes of the data file.", statistics.fileBytes)
        gauge("availability_ledger_quota_bytes", "The most the store may fill.", statistics.quotaBytes)
        gauge(
            "availability_ledger_structure_checked", "1 once every page of the data file was checked since the start.",
            watch.progress == .complete ? 1 : 0)
        gauge("availability_ledger_readers", "Reader slots in use.", UInt64(statistics.readers))
        gauge(
            "availability_ledger_oldest_reader_lag_commits", "Commits that the oldest snapshot is behind.",
            statistics.oldestReaderLag)
        return families
    }
}
