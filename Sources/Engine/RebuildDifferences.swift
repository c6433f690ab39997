public import Inventory

/// How a rebuild's positions differ from those that answer.
public struct RebuildDifferences: Sendable, Equatable, Codable {
    /// One position. Sellable units; nil: it is not there, or its record is damaged.
    public struct Example: Sendable, Equatable, Codable {
        public var sku: String
        public var location: LocationNumber
        public var running: Int64?
        public var beside: Int64?
    }

    /// As many of those that rise, and of the others.
    private static let examplesMax = 10

    /// When they were compared.
    public var timeNanoseconds: WallNanoseconds = 0
    /// All that differ.
    public var positions: UInt64 = 0
    /// Of those, the ones that only the running figures have.
    public var missing: UInt64 = 0
    /// Of those, the ones that only the rebuild has.
    public var added: UInt64 = 0
    /// Of those, the ones that would have more to sell, in the whole or in a lot.
    public var rising: UInt64 = 0
    private var rises: [Example] = []
    private var others: [Example] = []

    public init() {}

    /// Those that rise first.
    public var examples: [Example] { rises + others }

    /// One that cannot be named.
    mutating func addDamaged() { positions += 1 }

    mutating func add(_ example: Example, isRising: Bool, isMissing: Bool = false, isAdded: Bool = false) {
        positions += 1
        if isMissing { missing += 1 }
        if isAdded { added += 1 }
        if isRising {
            rising += 1
            if rises.count < Self.examplesMax { rises.append(example) }
        } else if others.count < Self.examplesMax {
            others.append(example)
        }
    }
}
