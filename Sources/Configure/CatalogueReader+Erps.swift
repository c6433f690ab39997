internal import Inventory
internal import Yams

extension CatalogueReader.Keys {
    static let erp = [
        "adapter", "locations", "call_timeout", "calls_in_flight_max", "calls_per_second", "maintenance",
        "read_every", "reconcile_every", "reconcile_apply_up_to", "degraded_after", "degraded_writes", "tryton",
    ]
    static let tryton = [
        "url", "database", "user", "password_variable", "password_file", "company", "customer", "warehouses",
    ]
}

extension CatalogueReader {
    /// Without the section: the embedded ERP, for every location. With an empty one: none.
    mutating func readErps() {
        guard root.mapping["erps"] != nil else {
            return catalogue.erps = [ConfiguredErp(id: "embedded", adapter: .embedded)]
        }
        let locationIds = Set(catalogue.locations.map(\.id))
        var served: [String: String] = [:]
        var rest: String?
        for (id, reader) in root.child("erps")?.entries(named: "an ERP") ?? [] {
            reader.refuseUnknownKeys(known: Keys.erp)
            var erp = ConfiguredErp(id: id, adapter: reader.erpAdapter(locations: locationIds))
            if reader.node("locations") != nil {
                erp.locations = reader.references("locations", "a location", to: locationIds)
            }
            for location in erp.locations ?? [] {
                if let other = served.updateValue(id, forKey: location) {
                    reader.report("locations", "\(location) is served by \(other) already")
                }
            }
            if erp.locations == nil {
                if let rest { reader.report("locations", "is required: \(rest) serves the rest already") }
                rest = id
            }
            if id.contains("/") { reader.reportSelf("an ERP's name has no slash") }
            reader.readCalls(into: &erp)
            catalogue.erps.append(erp)
        }
    }
}

extension MappingReader {
    fileprivate func erpAdapter(locations: Set<String>) -> ConfiguredErp.Adapter {
        let isTryton =
            value("adapter", expected: "embedded or tryton") { ["embedded": false, "tryton": true][$0] } ?? false
        guard isTryton else {
            if node("tryton") != nil { report("tryton", "is for the adapter tryton only") }
            return .embedded
        }
        var connection = TrytonConnection()
        guard let section = child("tryton") else {
            report("tryton", "is required for the adapter tryton")
            return .tryton(connection)
        }
        section.refuseUnknownKeys(known: CatalogueReader.Keys.tryton)
        connection.url = section.required("url", "an address such as http://127.0.0.1:8000") {
            $0.hasPrefix("http://") || $0.hasPrefix("https://")
        }
        connection.database = section.required("database", "the database's name") { !$0.isEmpty }
        connection.user = section.required("user", "the user's login") { !$0.isEmpty }
        connection.passwordVariable = section.value("password_variable", expected: "a variable's name") { $0 }
        connection.passwordFile = section.value("password_file", expected: "a file's path") { $0 }
        if (connection.passwordVariable == nil) == (connection.passwordFile == nil) {
            section.reportSelf("exactly one of password_variable and password_file is required")
        }
        connection.company = section.required("company", "the company's name") { !$0.isEmpty }
        connection.customer = section.required("customer", "the code of the party that shipments are made out to") {
            !$0.isEmpty
        }
        for (key, value) in section.child("warehouses")?.mapping ?? Node.Mapping([]) {
            guard let location = key.string, let code = value.string else { continue }
            if !locations.contains(location) {
                section.report("warehouses", "no location is called \(location)", at: key)
            }
            connection.warehouses[location] = code
        }
        return .tryton(connection)
    }

    fileprivate func readCalls(into erp: inout ConfiguredErp) {
        let timeout = value("call_timeout", expected: "a duration from 100ms to 5m") { text in
            Quantities.duration(text).flatMap { (100_000_000...300_000_000_000).contains($0) ? $0 : nil }
        }
        if let timeout { erp.callTimeoutNanoseconds = timeout }
        if let most = positive("calls_in_flight_max", most: 100) { erp.callsInFlightMax = most }
        erp.callsPerSecond =
            value("calls_per_second", expected: "a whole number; 0: no limit", Quantities.count) ?? 0
        let windows = list("maintenance", expected: "times of day such as 22:30-04:00, UTC") { DayWindow($0) }
        erp.maintenance = windows?.map(\.value) ?? []
        erp.readEveryNanoseconds = value("read_every", expected: "a duration from 1s to 7d") { text in
            Quantities.duration(text).flatMap { (1_000_000_000...604_800_000_000_000).contains($0) ? $0 : nil }
        }
        erp.reconcileEveryNanoseconds = value("reconcile_every", expected: "a duration from 1m to 31d") { text in
            Quantities.duration(text).flatMap { (60_000_000_000...2_678_400_000_000_000).contains($0) ? $0 : nil }
        }
        erp.reconcileApplyUpTo = positive("reconcile_apply_up_to", most: Limits.quantityMax)
        let after = value("degraded_after", expected: Quantities.durationExpected) { text in
            Quantities.duration(text).flatMap { $0 > 0 ? $0 : nil }
        }
        if let after { erp.degradedAfterNanoseconds = after }
        if let most = positive("degraded_writes", most: 1_000_000) { erp.degradedWrites = most }
    }

    private func positive(_ key: String, most: Int64) -> Int64? {
        value(key, expected: "a whole number from 1 to \(most)") { text in
            Quantities.count(text).flatMap { (1...most).contains($0) ? $0 : nil }
        }
    }

    func required(
        _ key: String, _ expected: String, _ isRight: (String) -> Bool = { !$0.isEmpty }
    ) -> String {
        guard node(key) != nil else {
            report(key, "is required: \(expected)")
            return ""
        }
        return value(key, expected: expected) { isRight($0) ? $0 : nil } ?? ""
    }
}
