/// What is called how at Tryton: asked once and remembered.
actor TrytonBook {
    struct Warehouse: Sendable, Equatable {
        /// Our location's id.
        var location: String
        var id: Int
        /// Where stock waits for orders, and what is assigned is taken from.
        var storage: Int
        /// What an order is taken from: the picking location, where there is one.
        var picking: Int
        /// Where picked stock waits to be shipped; the storage itself in a warehouse of one step.
        var output: Int
    }

    struct Company: Sendable, Equatable {
        var id: Int
        var currency: Int
        var customer: Int
        var address: Int
        var customerLocation: Int
        /// By our location's id.
        var warehouses: [String: Warehouse]

        /// What goes along with every call.
        var context: TrytonValue { ["company": .id(id)] }

        func warehouses(at locations: [String]) throws(TrytonProblem) -> [Warehouse] {
            try locations.map { (location) throws(TrytonProblem) in
                guard let warehouse = warehouses[location] else {
                    throw .misconfigured("no warehouse is named for the location \(location)")
                }
                return warehouse
            }
        }
    }

    struct Product: Sendable, Equatable {
        var id: Int
        var unit: Int
    }

    private let client: TrytonClient
    private let settings: TrytonSettings
    private var company: Company?
    private var products: [String: Product] = [:]

    init(client: TrytonClient, settings: TrytonSettings) {
        self.client = client
        self.settings = settings
    }

    /// After a refusal, which may mean that what was remembered is no longer so.
    func forget() {
        company = nil
        products = [:]
    }

    func company(deadline: ContinuousClock.Instant) async throws(TrytonProblem) -> Company {
        if let company { return company }
        let preferences = try await client.call("model.res.user.get_preferences", [true, [:]], deadline: deadline)
        guard let id = preferences["company"].integer else {
            throw .misconfigured("the user works for no company")
        }
        let context: TrytonValue = ["company": .id(id)]
        let record =
            try await client.call(
                "model.company.company.read", [.ids([id]), ["party.name", "currency"], context], deadline: deadline
            ).list.first ?? .null
        guard record["party."]["name"].text == settings.company, let currency = record["currency"].integer else {
            throw .misconfigured("the user does not work for the company \(settings.company)")
        }
        let customer = try await one(
            "party.party", code: settings.customer, ["addresses", "customer_location"], context, deadline)
        guard let party = customer["id"].integer, let place = customer["customer_location"].integer,
            let address = customer["addresses"].list.first?.integer
        else { throw .misconfigured("the customer \(settings.customer) has no address") }
        let new = Company(
            id: id, currency: currency, customer: party, address: address, customerLocation: place,
            warehouses: try await warehouses(context, deadline))
        company = new
        return new
    }

    /// The products of some skus, by sku; one that Tryton does not have, or has twice, is left out.
    func products(
        _ skus: Set<String>, _ context: TrytonValue, deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [String: Product] {
        let unknown = skus.filter { products[$0] == nil }
        if !unknown.isEmpty {
            let records = try await client.call(
                "model.product.product.search_read",
                [[["code", "in", .texts(unknown.sorted())]], 0, nil, nil, ["code", "default_uom"], context],
                deadline: deadline
            ).list
            let byCode = Dictionary(grouping: records) { $0["code"].text ?? "" }
            for (code, records) in byCode where records.count == 1 {
                guard let id = records[0]["id"].integer, let unit = records[0]["default_uom"].integer else { continue }
                products[code] = Product(id: id, unit: unit)
            }
        }
        return products.filter { skus.contains($0.key) }
    }

    private func warehouses(
        _ context: TrytonValue, _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> [String: Warehouse] {
        var warehouses: [String: Warehouse] = [:]
        for (location, code) in settings.warehouses {
            let record = try await one(
                "stock.location", code: code, ["type", "storage_location", "output_location", "picking_location"],
                context, deadline)
            guard record["type"].text == "warehouse", let id = record["id"].integer,
                let storage = record["storage_location"].integer, let output = record["output_location"].integer
            else { throw .misconfigured("\(code) is not a warehouse") }
            warehouses[location] = Warehouse(
                location: location, id: id, storage: storage,
                picking: record["picking_location"].integer ?? storage, output: output)
        }
        return warehouses
    }

    /// The one record that has a code.
    private func one(
        _ model: String, code: String, _ fields: TrytonValue, _ context: TrytonValue,
        _ deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> TrytonValue {
        let found = try await client.call(
            "model.\(model).search_read", [[["code", "=", .text(code)]], 0, 2, nil, fields, context],
            deadline: deadline
        ).list
        guard found.count == 1 else {
            throw .misconfigured("Tryton has \(found.isEmpty ? "no" : "more than one") \(model) with the code \(code)")
        }
        return found[0]
    }
}
