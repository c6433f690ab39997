/// A channel's overrides by sku and sku prefix, looked up by the sku's bytes without allocating.
///
/// Each sku or prefix named by any override is one node; its parent is the longest named prefix of it. A sku's terms are
/// found by walking from its node to the root, the first that states a term winning.
struct SkuOverrides: Sendable {
    private struct Node: BitwiseCopyable {
        /// What holds at every location.
        var general = PolicyPatch()
        /// Index of the node of the next shorter prefix; -1: none.
        var parent: Int32 = -1
        /// The node's part of `located`, in order of location numbers.
        var locatedStart: Int32 = 0
        var locatedCount: Int32 = 0
    }

    private struct Located: BitwiseCopyable {
        var location: LocationNumber
        var patch: PolicyPatch
    }

    /// No override concerns the sku.
    static let none: Int32 = -1

    /// Nodes 0..<skus.count are those of whole skus, then those of prefixes.
    private let nodes: Table<Node>
    private let located: Table<Located>
    /// By node.
    private let holds: Table<HoldOverride>
    private let skus: NameSlots
    private let prefixes: NameSlots
    /// Bit n - 1: a prefix of n bytes exists.
    private let prefixLengths: UInt64
    let isEmpty: Bool

    /// An override whose location is resolved.
    struct Item {
        var override: PolicyOverride
        var location: LocationNumber?
    }

    /// - Parameter items: no two for the same skus and location; those for all skus are passed over.
    init(_ items: [Item]) {
        var skuNames: Set<String> = []
        var prefixNames: Set<String> = []
        for item in items {
            switch item.override.skus {
            case .all: break
            case .sku(let sku): skuNames.insert(sku)
            case .prefix(let prefix): prefixNames.insert(prefix)
            }
        }
        let skuList = skuNames.sorted()
        let prefixList = prefixNames.sorted()
        skus = NameSlots(skuList)
        let prefixes = NameSlots(prefixList)
        self.prefixes = prefixes
        var lengths: UInt64 = 0
        for prefix in prefixList { lengths |= 1 << UInt64(prefix.utf8.count - 1) }
        prefixLengths = lengths
        isEmpty = skuList.isEmpty && prefixList.isEmpty

        var indices: [PolicyOverride.Skus: Int] = [:]
        for (index, sku) in skuList.enumerated() { indices[.sku(sku)] = index }
        for (index, prefix) in prefixList.enumerated() { indices[.prefix(prefix)] = skuList.count + index }
        var nodes = [Node](repeating: Node(), count: skuList.count + prefixList.count)
        var holds = [HoldOverride](repeating: HoldOverride(), count: nodes.count)
        var locatedOfNode = [[Located]](repeating: [], count: nodes.count)
        for item in items {
            guard let index = indices[item.override.skus] else { continue }
            let patch = PolicyPatch(item.override)
            if let location = item.location {
                locatedOfNode[index].append(Located(location: location, patch: patch))
            } else {
                nodes[index].general = patch
                holds[index] = item.override.holds
            }
        }
        var located: [Located] = []
        for (index, patches) in locatedOfNode.enumerated() {
            nodes[index].locatedStart = Int32(located.count)
            nodes[index].locatedCount = Int32(patches.count)
            located += patches.sorted { $0.location < $1.location }
        }
        for (index, name) in (skuList + prefixList).enumerated() {
            let isPrefix = index >= skuList.count
            let lengthMax = name.utf8.count - (isPrefix ? 1 : 0)
            let parent = [UInt8](name.utf8).withUnsafeBytes {
                Self.longestPrefix(of: $0, lengthMax: lengthMax, lengths: lengths, prefixes).found
            }
            nodes[index].parent = parent.map { Int32(skuList.count + $0) } ?? Self.none
        }
        self.nodes = Table(nodes)
        self.located = Table(located)
        self.holds = Table(holds)
    }

    func deallocate() {
        nodes.deallocate()
        located.deallocate()
        holds.deallocate()
        skus.deallocate()
        prefixes.deallocate()
    }

    /// The most specific node of the sku; `none` when no override concerns it.
    func node(of sku: UnsafeRawBufferPointer) -> Int32 {
        if isEmpty { return Self.none }
        let (prefix, hash) = Self.longestPrefix(of: sku, lengthMax: sku.count, lengths: prefixLengths, prefixes)
        if let index = skus.index(of: sku, count: sku.count, hash: hash) { return Int32(index) }
        guard let prefix else { return Self.none }
        return Int32(skus.count + prefix)
    }

    /// Replaces in `terms` what the overrides from `node` to the root state for the location.
    func apply(node: Int32, location: LocationNumber, to terms: inout PolicyTerms) {
        var open = PolicyPatch.Fields.all
        var next = node
        while next != Self.none {
            let current = nodes.pointer(at: Int(next))
            if current.pointee.locatedCount > 0, let index = locatedIndex(current, location) {
                located.pointer(at: index).pointee.patch.fill(&terms, open: &open)
            }
            current.pointee.general.fill(&terms, open: &open)
            next = current.pointee.parent
        }
    }

    /// What the overrides from the root to `node` make of the channel's terms.
    func holdTerms(node: Int32, of channel: HoldTerms) -> HoldTerms {
        if node == Self.none { return channel }
        return holds[Int(node)].applied(to: holdTerms(node: nodes[Int(node)].parent, of: channel))
    }

    private func locatedIndex(_ node: UnsafePointer<Node>, _ location: LocationNumber) -> Int? {
        var low = Int(node.pointee.locatedStart)
        var high = low + Int(node.pointee.locatedCount)
        let end = high
        while low < high {
            let middle = (low + high) / 2
            if located.pointer(at: middle).pointee.location < location { low = middle + 1 } else { high = middle }
        }
        return low < end && located.pointer(at: low).pointee.location == location ? low : nil
    }

    /// The longest named prefix of at most `lengthMax` bytes, and the hash of all of `name`.
    private static func longestPrefix(
        of name: UnsafeRawBufferPointer, lengthMax: Int, lengths: UInt64, _ prefixes: NameSlots
    ) -> (found: Int?, hash: UInt64) {
        var hash = NameHash()
        var found: Int?
        for offset in 0..<name.count {
            hash.add(name[offset])
            guard offset < lengthMax, offset < 64, lengths & (1 << UInt64(offset)) != 0 else { continue }
            if let index = prefixes.index(of: name, count: offset + 1, hash: hash.value) { found = index }
        }
        return (found, hash.value)
    }
}
