/// Names, numbers, groups, owners and states of one tenant's locations, for look-ups on the read path.
///
/// Made anew when the catalogue changes. Immutable; any thread may read it.
public final class LocationDirectory: Sendable {
    /// As given.
    public let locations: [Location]
    public let groups: [LocationGroup]

    /// Location ids in the order of `locations`, then group ids.
    private let names: NameSlots
    /// By index in `locations`.
    private let numbers: Table<LocationNumber>
    /// By location number; see `LocationEntry`.
    let entries: Table<LocationEntry>
    let memberships: GroupMemberships
    /// Index in `locations` by location number; -1: no such number.
    private let indices: [Int]

    /// - Parameter sources: the sources known so far with their terms; every owner must be among them.
    public init(
        locations: [Location], groups: [LocationGroup], sources: [(number: SourceNumber, terms: SourceTerms)]
    ) throws(CatalogueError) {
        try CatalogueRules.check(locations: locations, groups: groups, sources: sources)
        var sourceNumbers: [String: SourceNumber] = [:]
        for source in sources { sourceNumbers[source.terms.id] = source.number }
        let bySequence = Set(sources.filter { $0.terms.order == .sequence }.map(\.number))
        let lotsIncluded = Set(sources.filter { $0.terms.lots == .included }.map(\.number))
        let greatest = locations.map { Int($0.number) }.max() ?? 0
        var indices = [Int](repeating: -1, count: greatest + 1)
        var entries = [LocationEntry](repeating: LocationEntry(), count: greatest + 1)
        var numberOfName: [String: LocationNumber] = [:]
        for (index, location) in locations.enumerated() {
            indices[Int(location.number)] = index
            entries[Int(location.number)] = LocationEntry(
                location, sources: sourceNumbers, bySequence: bySequence, lotsIncluded: lotsIncluded)
            numberOfName[location.id] = location.number
        }
        memberships = GroupMemberships(
            groups.map { $0.members.compactMap { numberOfName[$0] } }, numbersCount: greatest + 1)
        names = NameSlots(locations.map(\.id) + groups.map(\.id))
        numbers = Table(locations.map(\.number))
        self.locations = locations
        self.groups = groups
        self.indices = indices
        self.entries = Table(entries)
    }

    deinit {
        names.deallocate()
        numbers.deallocate()
        entries.deallocate()
        memberships.deallocate()
    }

    /// What a request's `location` means: empty is `.all`; nil when nothing is called so. Allocates nothing.
    public func scope(named name: UnsafeRawBufferPointer) -> LocationScope? {
        if name.isEmpty { return .all }
        guard let index = names.index(of: name, count: name.count, hash: NameHash.of(name)) else { return nil }
        return index < numbers.count ? .one(numbers[index]) : .group(index - numbers.count)
    }

    /// As above, for a name at hand as a String.
    public func scope(named name: String) -> LocationScope? {
        var name = name
        return name.withUTF8 { scope(named: UnsafeRawBufferPointer($0)) }
    }

    /// The number of the location (not group) of that id; nil when there is none.
    public func number(of id: String) -> LocationNumber? {
        guard case .one(let number)? = scope(named: id) else { return nil }
        return number
    }

    /// The location with that number; nil when there is none.
    public func location(_ number: LocationNumber) -> Location? {
        guard Int(number) < indices.count, indices[Int(number)] >= 0 else { return nil }
        return locations[indices[Int(number)]]
    }

    /// Whether it exists and sells.
    public func isActive(_ number: LocationNumber) -> Bool {
        Int(number) < entries.count && entries[Int(number)].isActive
    }

    /// The source whose watermark vouches for the location; 0 when it has no owner.
    public func owner(of number: LocationNumber) -> SourceNumber {
        Int(number) < entries.count ? entries[Int(number)].owner : 0
    }

    /// The only source that may send the bucket there; 0 when any may.
    public func owner(of number: LocationNumber, bucket: Bucket) -> SourceNumber {
        Int(number) < entries.count ? entries[Int(number)].bucketOwners[bucket.rawValue] : 0
    }

    /// Whether a source that counts its events, and whose times mean nothing, owns anything there.
    public func isOrderedBySequence(_ number: LocationNumber) -> Bool {
        Int(number) < entries.count && entries[Int(number)].isOrderedBySequence
    }

    /// What figures without a lot tell of there: as the source says that owns `on_hand`; without an owner they tell of what
    /// belongs to no lot.
    public func lotMode(at number: LocationNumber) -> LotMode {
        Int(number) < entries.count && entries[Int(number)].areLotsIncluded ? .included : .separate
    }

    /// Whether what is asked for in a scope may come from the location.
    public func contains(_ number: LocationNumber, in scope: LocationScope) -> Bool {
        switch scope {
        case .all: true
        case .one(let location): location == number
        case .group(let index): isMember(number, ofGroup: index)
        }
    }

    /// Whether the location belongs to the group with that index.
    public func isMember(_ number: LocationNumber, ofGroup group: Int) -> Bool {
        memberships.contains(number, group: group)
    }
}

/// What the read path and the event rules need of a location.
struct LocationEntry: BitwiseCopyable {
    var isActive = false
    var isOrderedBySequence = false
    var areLotsIncluded = false
    var owner: SourceNumber = 0
    var bucketOwners = InlineArray<10, SourceNumber>(repeating: 0)

    init() {}

    init(
        _ location: Location, sources: [String: SourceNumber], bySequence: Set<SourceNumber>,
        lotsIncluded: Set<SourceNumber>
    ) {
        isActive = location.isActive
        for bucket in Bucket.allCases where bucket.isFed {
            let name = location.bucketOwners[bucket.name] ?? location.owner
            let number = name.flatMap { sources[$0] } ?? 0
            bucketOwners[bucket.rawValue] = number
            if bySequence.contains(number) { isOrderedBySequence = true }
        }
        areLotsIncluded = lotsIncluded.contains(bucketOwners[Bucket.onHand.rawValue])
        // Without an owner of the whole, who owns the gross stock vouches for the location.
        owner = bucketOwners[Bucket.onHand.rawValue]
        if let name = location.owner, let number = sources[name] { owner = number }
    }
}

/// One bit per group and location number.
struct GroupMemberships: Sendable {
    private let words: Table<UInt64>
    private let wordsPerGroup: Int

    init(_ groups: [[LocationNumber]], numbersCount: Int) {
        wordsPerGroup = (numbersCount + 63) / 64
        var words = [UInt64](repeating: 0, count: groups.count * wordsPerGroup)
        for (group, members) in groups.enumerated() {
            for number in members { words[group * wordsPerGroup + Int(number) / 64] |= 1 << UInt64(number % 64) }
        }
        self.words = Table(words)
    }

    func contains(_ number: LocationNumber, group: Int) -> Bool {
        let word = Int(number) / 64
        guard word < wordsPerGroup else { return false }
        return words[group * wordsPerGroup + word] & (1 << UInt64(number % 64)) != 0
    }

    func deallocate() { words.deallocate() }
}
