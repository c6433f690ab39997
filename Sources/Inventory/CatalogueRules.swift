/// What must hold of a tenant's locations, groups and sources together.
enum CatalogueRules {
    static func check(
        locations: [Location], groups: [LocationGroup], sources: [(number: SourceNumber, terms: SourceTerms)]
    ) throws(CatalogueError) {
        try require(locations.count <= Limits.locationsMax, "locations", "at most \(Limits.locationsMax)")
        try require(groups.count <= Limits.locationGroupsMax, "groups", "at most \(Limits.locationGroupsMax)")
        var orders: [String: SourceTerms.Order] = [:]
        for source in sources { orders[source.terms.id] = source.terms.order }
        var names: Set<String> = []
        var numbers: Set<LocationNumber> = []
        for (index, location) in locations.enumerated() {
            let field = "locations[\(index)]"
            try checkName(location.id, field: "\(field).id", names: &names)
            try require(location.number != 0, "\(field).number", "counts from 1")
            try require(numbers.insert(location.number).inserted, "\(field).number", "is used twice")
            try checkOwners(location, field: field, orders: orders)
        }
        let locationNames = names
        for (index, group) in groups.enumerated() {
            let field = "groups[\(index)]"
            try checkName(group.id, field: "\(field).id", names: &names)
            var members: Set<String> = []
            for (position, member) in group.members.enumerated() {
                let field = "\(field).members[\(position)]"
                try require(locationNames.contains(member), field, "no location is called \(member)")
                try require(members.insert(member).inserted, field, "\(member) is named twice")
            }
        }
    }

    private static func checkName(
        _ id: String, field: String, names: inout Set<String>
    ) throws(CatalogueError) {
        if let problem = TextRules.problem(id, bytesMax: Limits.nameBytesMax) {
            throw CatalogueError(field: field, problem: problem)
        }
        try require(names.insert(id).inserted, field, "\(id) is the name of another location or group")
    }

    /// Places of events ordered by time and by sequence cannot be compared, so one location has one kind of owners.
    private static func checkOwners(
        _ location: Location, field: String, orders: [String: SourceTerms.Order]
    ) throws(CatalogueError) {
        var kinds: Set<SourceTerms.Order> = []
        if let owner = location.owner {
            guard let order = orders[owner] else {
                throw CatalogueError(field: "\(field).owner", problem: "no source is called \(owner)")
            }
            kinds.insert(order)
        }
        for (name, owner) in location.bucketOwners.sorted(by: { $0.key < $1.key }) {
            let field = "\(field).bucket_owners.\(name)"
            try require(Bucket.allCases.contains { $0.isFed && $0.name == name }, field, "no source can own it")
            guard let order = orders[owner] else {
                throw CatalogueError(field: field, problem: "no source is called \(owner)")
            }
            kinds.insert(order)
        }
        try require(kinds.count <= 1, "\(field).owner", "owners ordered by time and by sequence do not mix")
    }

    private static func require(
        _ holds: Bool, _ field: String, _ problem: @autoclosure () -> String
    ) throws(CatalogueError) {
        if !holds { throw CatalogueError(field: field, problem: problem()) }
    }
}
