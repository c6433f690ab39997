@testable import Inventory

/// A catalogue of six locations, `WH1` … `WH6` with numbers 1 … 6, all active and without an owner.
func makeDirectory(
    inactive: Set<Int> = [], owners: [Int: String] = [:], bucketOwners: [Int: [String: String]] = [:],
    groups: [LocationGroup] = []
) -> LocationDirectory {
    let locations = (1...6).map { number in
        Location(
            id: "WH\(number)", number: LocationNumber(number), isActive: !inactive.contains(number),
            owner: owners[number], bucketOwners: bucketOwners[number] ?? [:])
    }
    let sources = [(number: SourceNumber(1), terms: SourceTerms(id: "erp")), (2, SourceTerms(id: "wms"))]
    do {
        return try LocationDirectory(locations: locations, groups: groups, sources: sources)
    } catch {
        fatalError("\(error)")
    }
}

func makeChannel(_ policy: ChannelPolicy) -> Channel {
    Channel(id: "web", displayName: "Web", policyVersion: 1, updateTimeNanoseconds: 0, policy: policy)
}

/// A policy that sells from WH1 without any terms, changed by `change`.
func makePolicy(_ change: (inout ChannelPolicy) -> Void = { _ in }) -> ChannelPolicy {
    var policy = ChannelPolicy()
    policy.sourcing = ["WH1"]
    change(&policy)
    return policy
}

func makePosition(_ buckets: [Bucket: Int64], authoritativeTime: WallNanoseconds = 0) -> Position {
    var position = Position()
    for (bucket, units) in buckets { position.buckets[bucket] = units }
    position.authoritativeTimeNanoseconds = authoritativeTime
    position.authoritativeSource = authoritativeTime == 0 ? 0 : 1
    return position
}

/// One line asked of one channel, evaluated with both recorders, which must agree.
struct Question {
    var policy: ChannelPolicy
    var directory = makeDirectory()
    var watermarks: [WallNanoseconds] = []
    var sku = "A"
    var location = ""
    var now: WallNanoseconds = 1_000_000_000_000
    var maxStaleness: Int64?
    var quantity: Int64 = 1
    var knownSku = false
    var isDegraded = false
    var positions: [(location: LocationNumber, position: Position, openHolds: Int64)] = []

    init(_ policy: ChannelPolicy) {
        self.policy = policy
    }

    mutating func put(_ location: LocationNumber, _ position: Position, openHolds: Int64 = 0) {
        positions.append((location, position, openHolds))
    }

    func answer() throws -> LineAnswer { try evaluate(SilentRecorder()).answer }

    func explanation() throws -> (answer: LineAnswer, terms: [ExplanationTerm]) {
        let (answer, recorder) = try evaluate(ExplainingRecorder())
        return (answer, recorder.terms)
    }

    func contributions() throws -> [Contribution] { try evaluate(ContributionRecorder()).recorder.contributions }

    private func evaluate<Recorder: EvaluationRecorder>(
        _ recorder: Recorder
    ) throws -> (answer: LineAnswer, recorder: Recorder) {
        let channel = try CompiledChannel(makeChannel(policy), directory: directory)
        let marks = SourceWatermarks(watermarks)
        guard let scope = directory.scope(named: location) else { fatalError("no location is called \(location)") }
        return withExtendedLifetime((channel, marks)) {
            var line = [UInt8](sku.utf8).withUnsafeBytes {
                LineEvaluation(
                    EvaluationTables(channel, marks, isDegraded: isDegraded), sku: $0, scope: scope,
                    nowNanoseconds: now, maxStalenessNanoseconds: maxStaleness, recorder: recorder)
            }
            for item in positions {
                line.add(location: item.location, position: item.position, openHolds: item.openHolds)
            }
            let answer = line.finish(quantity: quantity, knownSku: knownSku)
            return (answer, line.recorder)
        }
    }
}

struct Contribution: Equatable {
    var location: LocationNumber
    var figure: Int64
    var sellable: Int64
    var isWithheld = false
}

/// Wants no terms, like a grant.
struct ContributionRecorder: EvaluationRecorder {
    static var isRecording: Bool { false }

    private(set) var contributions: [Contribution] = []

    mutating func record(_ term: ExplanationTerm) {}
    func mentions(_ location: LocationNumber) -> Bool { false }
    mutating func arrangeLocations(by rank: (LocationNumber) -> Int) {}

    mutating func contributed(_ location: LocationNumber, figure: Int64, sellable: Int64, isWithheld: Bool) {
        contributions.append(
            Contribution(location: location, figure: figure, sellable: sellable, isWithheld: isWithheld))
    }
}
