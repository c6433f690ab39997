/// What the ledger must know of one ERP.
public struct ErpTerms: Sendable, Equatable {
    public var name: String
    /// It wants to hear that the order is placed.
    public var takesCommits: Bool
    /// A part of a hold can be given back. Otherwise it keeps the whole until nothing is open.
    public var allowsPartialRelease: Bool
    /// What is held of a lot may be held there by its quantity. Otherwise no lot is held at its locations: it would
    /// assign another.
    public var takesLots: Bool

    public init(name: String, takesCommits: Bool, allowsPartialRelease: Bool, takesLots: Bool = true) {
        self.name = name
        self.takesLots = takesLots
        self.takesCommits = takesCommits
        self.allowsPartialRelease = allowsPartialRelease
    }
}

/// Which ERP serves which location. From the configuration; a value for one group of commands.
public struct ErpDirectory: Sendable {
    public var terms: [String: ErpTerms]
    /// The ERP's name by location id.
    public var locations: [String: String]
    /// Serves every location not named; nil: these need none.
    public var defaultName: String?

    public init(terms: [ErpTerms] = [], locations: [String: String] = [:], defaultName: String? = nil) {
        self.terms = Dictionary(terms.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        self.locations = locations
        self.defaultName = defaultName
    }

    /// Empty: no ERP is told.
    public func erp(ofLocation id: String) -> String { locations[id] ?? defaultName ?? "" }

    /// An ERP that is no longer configured keeps its writes; they wait.
    func takesCommits(_ erp: String) -> Bool { terms[erp]?.takesCommits ?? true }

    public func takesLots(_ erp: String) -> Bool { erp.isEmpty || terms[erp]?.takesLots ?? false }

    func allowsPartialRelease(_ erp: String) -> Bool { terms[erp]?.allowsPartialRelease ?? false }
}
