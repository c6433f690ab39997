import Engine
import Inventory
import Ledger

/// What comparisons with an ERP should have found, and what was made of it.
struct VarianceBook {
    struct Key: Hashable {
        var place: Place
        var bucket: Bucket
    }

    /// An open one.
    struct Entry {
        var ours: Int64
        var theirs: Int64
        /// Under which the ledger keeps it; nil: nobody has looked since it was found.
        var number: UInt64?
        /// The place on the position's time line behind which nothing was known: as the ledger has it, and at most.
        var newestPrimary: Int64
        var newestTold: Int64
    }

    /// A comparison.
    struct Running: Equatable {
        var id: String
        var requestID: String
        var compared: UInt64 = 0
        var variances: UInt64 = 0
        var isOver = false
    }

    /// What somebody has seen under a number.
    enum Seen {
        case figure(Key)
        case shipment
    }

    var open: [Key: Entry] = [:]
    var seen: [UInt64: Seen] = [:]
    /// Where the time line of a position ended when the group began; kept along with the group's repairs.
    var newestPrimaries: [Place: Int64] = [:]
    /// By request id.
    var comparisons: [String: Running] = [:]
    var running: String?
    /// Closed ones: their repair was applied, or the figures agreed again.
    var applied = 0
    var resolved = 0
    /// Shipments that no hold covered, and those of which somebody took note.
    var shipments = 0
    var noted: Set<UInt64> = []
    /// Entries of the audit log that must be there.
    var decisions = 0
}

extension Model {
    static let comparedBuckets: [Bucket] = [.onHand, .allocated]

    mutating func reconcile(_ command: ReconciliationCommand) throws(Violation) -> Prediction {
        switch command {
        case .start(let wanted, _): return begin(wanted)
        case .compare(let page): return compare(page)
        case .repair(let repair):
            var reasons: [String] = []
            for number in repair.numbers { reasons.append(try apply(number, isTrial: repair.validateOnly)) }
            return .repaired(reasons)
        }
    }

    private mutating func begin(_ wanted: Reconciliation) -> Prediction {
        if let known = variances.comparisons[wanted.requestID] { return .comparison(known) }
        guard variances.running == nil else { return .refused }
        let fresh = VarianceBook.Running(id: wanted.id, requestID: wanted.requestID)
        variances.comparisons[wanted.requestID] = fresh
        variances.running = wanted.requestID
        return .comparison(fresh)
    }

    private mutating func compare(_ page: ComparisonPage) -> Prediction {
        guard let request = variances.running, var record = variances.comparisons[request],
            record.id == page.reconciliationID
        else { return .refused }
        for figures in page.figures {
            guard let location = terms.locations.first(where: { $0.value == figures.location })?.key else { continue }
            let place = Place(sku: figures.sku, location: location)
            let allocated = figures.allocated - contained(in: figures.contains, lot: "", at: place)
            for (bucket, theirs) in zip(Self.comparedBuckets, [figures.onHand, allocated])
            where differs(VarianceBook.Key(place: place, bucket: bucket), theirs) { record.variances += 1 }
            record.compared += 1
        }
        if page.end != nil {
            record.isOver = true
            variances.running = nil
        }
        variances.comparisons[request] = record
        return .comparison(record)
    }

    /// Whether the figures of a bucket differ; its open variance is brought up to date.
    private mutating func differs(_ key: VarianceBook.Key, _ theirs: Int64) -> Bool {
        let ours = stock[key.place]?.values[key.bucket] ?? 0
        guard ours != theirs else {
            if variances.open.removeValue(forKey: key) != nil { variances.resolved += 1 }
            return false
        }
        let number = variances.open[key]?.number
        variances.open[key] = VarianceBook.Entry(
            ours: ours, theirs: theirs, number: number,
            newestPrimary: variances.newestPrimaries[key.place] ?? .min, newestTold: newestTold(at: key.place))
        return true
    }

    private func newestTold(at place: Place) -> Int64 { stock[place]?.parts[""]?.newestPrimary ?? .min }

    /// Why a repair is not applied; empty: it is. Only what is as it was compared is moved, and then to what the other has.
    private mutating func apply(_ number: UInt64, isTrial: Bool) throws(Violation) -> String {
        guard let seen = variances.seen[number] else { return "VARIANCE_NOT_FOUND" }
        guard case .figure(let key) = seen else {
            guard !variances.noted.contains(number) else { return "VARIANCE_CLOSED" }
            if !isTrial {
                variances.noted.insert(number)
                variances.decisions += 1
            }
            return ""
        }
        guard let entry = variances.open[key], entry.number == number else { return "VARIANCE_CLOSED" }
        let newest = variances.newestPrimaries[key.place] ?? .min
        let newestMove = stock[key.place]?.parts[""]?.newestMove ?? .min
        try require(
            newest != entry.newestPrimary || newestMove <= entry.newestTold, .feedInAnyOrder,
            "\(key) was told of since it was compared, and its time line ends where it did")
        guard newest == entry.newestPrimary, stock[key.place]?.values[key.bucket] ?? 0 == entry.ours else {
            return "FIGURE_CHANGED"
        }
        if isTrial { return "" }
        let order = OrderKey(
            primary: max(newest, 0) + 1, isAbsolute: false, source: ContentDigest.of(Array("reconciliation".utf8)),
            id: "variance-\(number)")
        stock[key.place, default: StockHistory()].repair(order, key.bucket, by: entry.theirs - entry.ours)
        variances.open[key] = nil
        variances.applied += 1
        variances.decisions += 1
        variances.newestPrimaries[key.place] = order.primary
        // News of this bucket only.
        for other in Self.comparedBuckets {
            let sibling = VarianceBook.Key(place: key.place, bucket: other)
            guard variances.open[sibling]?.newestPrimary == newest else { continue }
            let told = newestTold(at: key.place)
            variances.open[sibling]?.newestPrimary = order.primary
            variances.open[sibling]?.newestTold = told
        }
        return ""
    }

    /// Other figures answer now: what was repaired in the former ones is not in them.
    mutating func forgetRepairs() {
        for place in Array(stock.keys) { stock[place]?.forgetRepairs() }
    }
}
