internal import Calls
internal import Engine
internal import Inventory

/// One line of a question, checked.
struct AskedLine {
    let scope: LocationScope
    /// Units wanted, 1 or more.
    let quantity: Int64
}

/// What the line before asked for: most lines of a request name the same location. Within one request only.
@safe
struct LastScope {
    private var name = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    private var scope = LocationScope.all

    /// What a name means; nil when nothing is called so. The name is kept and must outlive this.
    @inline(__always)
    mutating func scope(named name: UnsafeRawBufferPointer, in directory: Unmanaged<LocationDirectory>)
        -> LocationScope?
    {
        if unsafe isLast(name) { return scope }
        guard let found = unsafe directory._withUnsafeGuaranteedRef({ unsafe $0.scope(named: name) }) else {
            return nil
        }
        unsafe self.name = unsafe name
        scope = found
        return found
    }

    @inline(__always)
    private func isLast(_ other: UnsafeRawBufferPointer) -> Bool {
        guard unsafe other.count == name.count else { return false }
        for index in 0..<other.count where unsafe other[index] != name[index] { return false }
        return true
    }
}

/// What CheckAvailability and ExplainAvailability ask, checked and admitted by the same code.
///
/// Lives for one call on the loop's thread, within the turn that keeps the state alive: what it takes from there is not
/// counted, since all loops would fight over the counts. The slow paths are the refusals; each is a function of its own, so that the
/// usual course stays small.
@safe
struct CheckQuestion {
    let lentEntry: Unmanaged<ChannelEntry>
    private let lentDirectory: Unmanaged<LocationDirectory>
    private let throttle: Unmanaged<Throttle>
    let tables: EvaluationTables
    let policyVersion: UInt64
    /// Nil: the caller did not say.
    let maxStalenessNanoseconds: Int64?
    let lineCount: Int

    /// For the slow paths.
    var entry: ChannelEntry { unsafe lentEntry.takeUnretainedValue() }
    private var directory: LocationDirectory { unsafe lentDirectory.takeUnretainedValue() }

    /// Checks everything but the lines. The texts are only read here.
    init(
        channelID: UnsafeRawBufferPointer, customer: UnsafeRawBufferPointer,
        staleness: CheckAvailabilityCodec.Staleness, lineCount: Int, lineCountMax: Int,
        state lentState: Unmanaged<PublishedState>
    ) throws(CallStatus) {
        guard lineCount >= 1, lineCount <= lineCountMax else {
            throw .invalidField("lines", "1 to \(lineCountMax) are allowed, are \(lineCount)")
        }
        switch staleness {
        case .absent: maxStalenessNanoseconds = nil
        case .nanoseconds(let nanoseconds): maxStalenessNanoseconds = nanoseconds
        case .invalid: throw .invalidField("max_staleness", "must be a duration of 0 or more")
        }
        if unsafe customer.count > Limits.nameBytesMax || !TextRules.isPrintable(customer) {
            throw .invalidField("customer", "at most \(Limits.nameBytesMax) bytes without control characters")
        }
        let found = unsafe lentState._withUnsafeGuaranteedRef { state in
            unsafe state.lentChannel(channelID).map { entry in
                unsafe entry._withUnsafeGuaranteedRef {
                    unsafe (
                        entry, Unmanaged.passUnretained($0.throttle),
                        EvaluationTables($0.compiled, state.watermarks, isDegraded: $0.isDegraded),
                        $0.compiled.policyVersion, Unmanaged.passUnretained(state.directory)
                    )
                }
            }
        }
        guard let found = unsafe found else { throw unsafe Self.noChannel(channelID) }
        unsafe (lentEntry, throttle, tables, policyVersion, lentDirectory) = unsafe found
        self.lineCount = lineCount
    }

    /// Takes the read units and enters the channel; `leave()` must follow.
    func admit(monotonicNanoseconds: Int64) throws(CallStatus) {
        guard unsafe throttle._withUnsafeGuaranteedRef({ $0.tryEnter() }) else { throw tooManyCalls() }
        let admission = unsafe throttle._withUnsafeGuaranteedRef {
            $0.admit(units: Int64(lineCount), nowNanoseconds: monotonicNanoseconds)
        }
        switch admission {
        case .admitted: return
        case .retryAfter(let nanoseconds):
            leave()
            entry.countThrottled()
            throw .rateLimited(
                channel: entry.channel.id,
                quota: "read units per second (\(entry.channel.policy.throttle.readUnitsPerSecond))",
                retryAfterNanoseconds: nanoseconds)
        case .neverFits(let burst):
            leave()
            entry.countThrottled()
            throw .invalidField("lines", "channel \(entry.channel.id) may ask for at most \(burst) lines at once")
        }
    }

    func leave() {
        unsafe throttle._withUnsafeGuaranteedRef { $0.leave() }
    }

    /// Checks one line. The texts are only read here.
    @inline(__always)
    func line(
        sku: UnsafeRawBufferPointer, location: UnsafeRawBufferPointer, quantity: Int64?, _ index: Int,
        scopes: inout LastScope
    ) throws(CallStatus) -> AskedLine {
        guard sku.count >= 1, sku.count <= Limits.skuBytesMax, unsafe TextRules.isPrintable(sku) else {
            throw unsafe Self.badSKU(sku, index)
        }
        return try unsafe place(location: location, quantity: quantity, index, scopes: &scopes)
    }

    /// Checks what a line says besides its sku.
    @inline(__always)
    func place(
        location: UnsafeRawBufferPointer, quantity: Int64?, _ index: Int, scopes: inout LastScope
    ) throws(CallStatus) -> AskedLine {
        let asked = quantity ?? 1
        guard asked >= 1, asked <= Limits.quantityMax else {
            throw .invalidField("lines[\(index)].quantity", "must be 1 to \(Limits.quantityMax), is \(asked)")
        }
        guard let scope = unsafe scopes.scope(named: location, in: lentDirectory) else {
            throw unsafe Self.noLocation(location, index)
        }
        return AskedLine(scope: scope, quantity: asked)
    }

    func staleData(_ refused: StaleRefusal, lineIndex: Int) -> CallStatus {
        let location = directory.location(refused.location)?.id ?? ""
        let age = refused.ageNanoseconds / .perMillisecond
        let threshold = refused.thresholdNanoseconds / .perMillisecond
        return .failure(
            .unavailable, .staleData,
            "lines[\(lineIndex)]: the figures of \(location) are \(age) ms old, allowed are \(threshold) ms",
            metadata: [
                "channel": entry.channel.id, "location": location, "age_ms": "\(age)", "threshold_ms": "\(threshold)",
            ],
            retryAfterNanoseconds: .perSecond)
    }

    @inline(never)
    private func tooManyCalls() -> CallStatus {
        entry.countThrottled()
        return .rateLimited(
            channel: entry.channel.id, quota: "calls in flight (\(entry.channel.policy.throttle.callsInFlightMax))",
            retryAfterNanoseconds: 10 * .perMillisecond)
    }

    @inline(never)
    private static func noChannel(_ id: UnsafeRawBufferPointer) -> CallStatus {
        if unsafe id.isEmpty {
            return .invalidField("channel", "is required: the caller's credential names no channel of its own")
        }
        guard id.count <= Limits.nameBytesMax, unsafe TextRules.isPrintable(id) else {
            return .invalidField("channel", "at most \(Limits.nameBytesMax) bytes without control characters")
        }
        return .channelNotFound(unsafe String(decoding: id, as: UTF8.self))
    }

    @inline(never)
    private static func badSKU(_ sku: UnsafeRawBufferPointer, _ index: Int) -> CallStatus {
        let text = unsafe String(decoding: sku, as: UTF8.self)
        let problem = TextRules.problem(text, bytesMax: Limits.skuBytesMax) ?? "is invalid"
        return .invalidField("lines[\(index)].sku", problem)
    }

    @inline(never)
    private static func noLocation(_ location: UnsafeRawBufferPointer, _ index: Int) -> CallStatus {
        guard location.count <= Limits.nameBytesMax, unsafe TextRules.isPrintable(location) else {
            return .invalidField(
                "lines[\(index)].location", "at most \(Limits.nameBytesMax) bytes without control characters")
        }
        let name = unsafe String(decoding: location, as: UTF8.self)
        return .invalidField("lines[\(index)].location", "no location or location group is called \(name)")
    }
}
