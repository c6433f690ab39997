/// Every limit of the domain, in one place. Shown by GetServerStatus; their relations are checked at start-up.
public enum Limits {
    /// Bytes of a sku or of a sku prefix.
    public static let skuBytesMax = 64
    /// Bytes of the id of a location, location group, channel, tenant, customer or source.
    public static let nameBytesMax = 32
    /// Bytes of an event id, request id, lot, reference or reason code.
    public static let idBytesMax = 64
    /// Bytes of a name for people.
    public static let displayNameBytesMax = 64

    public static let linesPerCheckMax = 1_000
    /// Lines of one ExplainAvailability or GetAvailabilitySchedule.
    public static let linesPerExplanationMax = 100
    public static let linesPerReservationMax = 100
    /// Lines of a reservation once they are split over locations.
    public static let linesPerSplitReservationMax = 1_000
    /// Transitions kept of one reservation.
    public static let reservationHistoryMax = 100
    /// How long a closed reservation and its request ids are kept, unless the configuration says longer.
    public static let reservationRetentionNanoseconds: Int64 = 7 * 24 * 3_600 * 1_000_000_000
    /// The shortest and the longest that a policy may say for either TTL: 1 second and 400 days.
    public static let ttlNanosecondsRange: ClosedRange<Int64> = .perSecond...(400 * 86_400 * .perSecond)
    /// Open reservations that a policy may allow one customer.
    public static let customerHoldsMaxRange: ClosedRange<Int64> = 1...Int64(UInt32.max)
    /// How long a policy may have a call wait for the ERP: up to a minute; 0: not at all.
    public static let erpWaitNanosecondsRange: ClosedRange<Int64> = 0...(60 * .perSecond)
    public static let eventsPerBatchMax = 1_000
    /// Holds of ours that one snapshot names.
    public static let containsMax = 1_000

    /// Units of an event, a line or a policy, either way.
    public static let quantityMax: Int64 = 1_000_000_000_000
    /// Units of one bucket of a position, either way.
    public static let bucketMax: Int64 = 1_000_000_000_000_000

    public static let locationsMax = 10_000
    public static let locationGroupsMax = 1_000
    public static let sourcesMax = 10_000
    public static let channelsMax = 1_000
    public static let feedsMax = 1_000
    public static let publicationsMax = 100
    /// Locations and groups named in one sourcing order.
    public static let sourcingMax = 100
    public static let policyOverridesMax = 1_000

    /// Streams that are told what a channel may sell.
    public static let watchesMax = 20_000
    /// Lines that all of them name.
    public static let watchLinesMax = 2_000_000
    /// Skus that are remembered for those of them that hear of all, at each place that they name.
    public static let watchSkusMax = 20_000_000
    /// Lines without a sku that one of them names: every sku that may be sold at a location.
    public static let watchPlacesMax = 100
    /// Bounds between bands that one of them names.
    public static let watchBandsMax = 16

    /// Read units a second, and at once.
    public static let readUnitsMax: Int64 = 1_000_000_000
    public static let callsInFlightMax: Int64 = 1_000_000

    /// How far behind its source's newest event an event is still placed, and how long its id is remembered.
    public static let horizonNanoseconds: Int64 = 7 * 24 * 3_600 * 1_000_000_000
    /// The same for the journals of sources ordered by sequence, in sequences.
    public static let horizonSequences: Int64 = 1_000_000
    /// How far ahead of our clock an event may be.
    public static let clockSkewNanosecondsMax: Int64 = 300 * 1_000_000_000
    /// How long a gap in a source's sequence is waited for before the source is marked GAP.
    public static let gapWaitNanoseconds: Int64 = 300 * 1_000_000_000
    /// Sequences kept beyond a gap, per source.
    public static let pendingSequencesMax: UInt64 = 10_000
    public static let deadLettersMax = 1_000_000
    /// Bytes of all dead letters, unless the configuration says otherwise.
    public static let deadLetterBytesMax: UInt64 = 1 << 30
    /// Events of one transfer or allocation that are told apart.
    public static let referenceEventsMax = 1_000
    /// Reservations that have not ended, in whose name one allocation is.
    public static let referenceHoldsMax = 100
    /// Transfers and allocations that are kept, those not closed yet for as long as they are open.
    public static let referencesMax: UInt64 = 1_000_000
    /// Variances that are kept: the newest.
    public static let variancesMax: UInt64 = 100_000
    /// Comparisons that are kept: the newest.
    public static let reconciliationsMax = 1_000
    /// A source that has told nothing for so long may lag behind the ERP that its figures are compared with.
    public static let reconciliationLagNanoseconds: Int64 = 300 * .perSecond
    /// Lots of one position, those that hold something and those that events within the horizon may be about.
    public static let lotsPerPositionMax = 1_000
    /// Supplies of one position, those still to come and those that events within the horizon may be about.
    public static let suppliesPerPositionMax = 1_000
    /// Receipts of one supply after its newest figure that are told apart.
    public static let receiptsPerSupplyMax = 1_000
    /// Supplies that are kept of all positions.
    public static let suppliesMax: UInt64 = 1_000_000
    /// Supplies that one GetAvailabilitySchedule reads.
    public static let suppliesPerScheduleMax = 100_000
    /// Dates of one line of a schedule, and how far ahead of now the last may be: 366 days.
    public static let scheduleDatesMax = 366
    public static let scheduleNanosecondsMax: Int64 = 366 * 86_400 * .perSecond
    /// Codes that the configuration lists.
    public static let reasonCodesMax = 1_000
    /// Journal entries looked at, for dropping, when an absolute event lands.
    public static let journalDropsPerEventMax = 64

    /// Names and values, in the order above, for GetServerStatus and the documentation.
    public static var all: [(name: String, value: Int64)] {
        [
            ("sku_bytes_max", Int64(skuBytesMax)),
            ("name_bytes_max", Int64(nameBytesMax)),
            ("id_bytes_max", Int64(idBytesMax)),
            ("display_name_bytes_max", Int64(displayNameBytesMax)),
            ("lines_per_check_max", Int64(linesPerCheckMax)),
            ("lines_per_explanation_max", Int64(linesPerExplanationMax)),
            ("lines_per_reservation_max", Int64(linesPerReservationMax)),
            ("lines_per_split_reservation_max", Int64(linesPerSplitReservationMax)),
            ("reservation_history_max", Int64(reservationHistoryMax)),
            ("reservation_retention_ns", reservationRetentionNanoseconds),
            ("ttl_ns_max", ttlNanosecondsRange.upperBound),
            ("customer_holds_max", customerHoldsMaxRange.upperBound),
            ("erp_wait_ns_max", erpWaitNanosecondsRange.upperBound),
            ("events_per_batch_max", Int64(eventsPerBatchMax)),
            ("contains_max", Int64(containsMax)),
            ("quantity_max", quantityMax),
            ("bucket_max", bucketMax),
            ("locations_max", Int64(locationsMax)),
            ("location_groups_max", Int64(locationGroupsMax)),
            ("sources_max", Int64(sourcesMax)),
            ("channels_max", Int64(channelsMax)),
            ("feeds_max", Int64(feedsMax)),
            ("publications_max", Int64(publicationsMax)),
            ("sourcing_max", Int64(sourcingMax)),
            ("policy_overrides_max", Int64(policyOverridesMax)),
            ("watches_max", Int64(watchesMax)),
            ("watch_lines_max", Int64(watchLinesMax)),
            ("watch_skus_max", Int64(watchSkusMax)),
            ("watch_places_max", Int64(watchPlacesMax)),
            ("watch_bands_max", Int64(watchBandsMax)),
            ("read_units_max", readUnitsMax),
            ("calls_in_flight_max", callsInFlightMax),
            ("horizon_ns", horizonNanoseconds),
            ("horizon_sequences", horizonSequences),
            ("clock_skew_ns_max", clockSkewNanosecondsMax),
            ("gap_wait_ns", gapWaitNanoseconds),
            ("pending_sequences_max", Int64(pendingSequencesMax)),
            ("dead_letters_max", Int64(deadLettersMax)),
            ("dead_letter_bytes_max", Int64(deadLetterBytesMax)),
            ("reference_events_max", Int64(referenceEventsMax)),
            ("reference_holds_max", Int64(referenceHoldsMax)),
            ("references_max", Int64(referencesMax)),
            ("variances_max", Int64(variancesMax)),
            ("reconciliations_max", Int64(reconciliationsMax)),
            ("reconciliation_lag_ns", reconciliationLagNanoseconds),
            ("lots_per_position_max", Int64(lotsPerPositionMax)),
            ("supplies_per_position_max", Int64(suppliesPerPositionMax)),
            ("receipts_per_supply_max", Int64(receiptsPerSupplyMax)),
            ("supplies_max", Int64(suppliesMax)),
            ("supplies_per_schedule_max", Int64(suppliesPerScheduleMax)),
            ("schedule_dates_max", Int64(scheduleDatesMax)),
            ("schedule_ns_max", scheduleNanosecondsMax),
            ("reason_codes_max", Int64(reasonCodesMax)),
            ("journal_drops_per_event_max", Int64(journalDropsPerEventMax)),
        ]
    }

    /// Stops the process when the limits do not fit each other. Called once at start-up.
    public static func check() {
        let broken = brokenRelations
        precondition(broken.isEmpty, "limits do not fit each other: \(broken)")
    }

    /// The relations that do not hold; empty.
    static var brokenRelations: [String] {
        var broken: [String] = []
        func require(_ holds: Bool, _ relation: String) {
            if !holds { broken.append(relation) }
        }
        require(quantityMax <= bucketMax, "a quantity fits a bucket")
        // s + h is at most 9 buckets and two policy figures, of a schedule 11; see LineEvaluation.
        require(
            (Int64.max / 100 - 2 * quantityMax) / 11 > bucketMax, "a percentage of a location's figure fits 64 bits")
        require(Int64(suppliesPerPositionMax) * quantityMax <= bucketMax, "a position's supplies fit a bucket")
        require(
            Int64.max / Int64(lotsPerPositionMax + 1) > bucketMax, "the sum of a position's lots fits 64 bits")
        require(linesPerExplanationMax <= linesPerCheckMax, "what can be explained can be checked")
        // A throttle's time: now (until 2100) + burst × the interval of one unit a second.
        require(
            Int64.max - 4_102_444_800_000_000_000 > readUnitsMax * .perSecond, "a throttle's arrival time fits 64 bits")
        // The hot table keeps a flag in the first bit.
        require(locationsMax < 1 << 15, "a location's number fits")
        require(sourcesMax < Int(SourceNumber.max), "a source's number fits")
        require(clockSkewNanosecondsMax < horizonNanoseconds, "the clock skew is within the horizon")
        require(skuBytesMax <= 64, "sku prefix lengths fit a 64-bit set")
        // See LineReference.
        require(linesPerCheckMax <= 1 << 10 && watchesMax < 1 << 21, "a watched line has a reference of 31 bits")
        return broken
    }
}
