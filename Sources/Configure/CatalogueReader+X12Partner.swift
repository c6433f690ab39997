internal import Inventory
internal import Yams

extension MappingReader {
    /// How the partner of a feed of files fills an X12 846.
    func x12Partner() -> X12PartnerSettings {
        refuseUnknownKeys(known: CatalogueReader.Keys.partner)
        var partner = X12PartnerSettings()
        partner.sender = value("sender", expected: "what ISA06 is", Self.text)
        partner.receiver = value("receiver", expected: "what ISA08 is", Self.text)
        partner.takesTests = flag("takes_tests") ?? false
        partner.skuQualifiers = qualifiers("sku_qualifiers")
        if partner.skuQualifiers.isEmpty { report("sku_qualifiers", "at least one is required, such as SK") }
        let quantities = child("quantity_qualifiers")
        for (key, _) in quantities?.mapping ?? Node.Mapping([]) {
            guard let qualifier = key.string, let bucket = quantities?.fedBucket(qualifier) else { continue }
            partner.quantityQualifiers[bucket, default: []].append(qualifier)
        }
        if quantities?.mapping.isEmpty ?? true {
            report("quantity_qualifiers", "at least one is required, such as \"33\": on_hand")
        }
        if node("units") != nil { partner.units = qualifiers("units") }
        readLocation(into: &partner)
        readLot(into: &partner)
        partner.dateQualifiers = qualifiers("date_qualifiers")
        partner.expectedQualifiers = qualifiers("expected_qualifiers")
        partner.utcOffsetMinutes = value("utc_offset", expected: "an offset such as +01:00", Self.offsetMinutes)
        return partner
    }

    private func readLocation(into partner: inout X12PartnerSettings) {
        if let location = value("location", expected: "n1 or ref", { X12PartnerSettings.Location(rawValue: $0) }) {
            partner.location = location
        }
        let qualifier = value("location_qualifier", expected: "a qualifier of 1 to 3 characters", Self.qualifier)
        partner.locationQualifier = qualifier ?? (partner.location == .n1 ? "WH" : "ZZ")
        let order = value("location_order", expected: "before or after") {
            X12PartnerSettings.Order(rawValue: $0)
        }
        if let order { partner.locationOrder = order }
        partner.fixedLocation = value("fixed_location", expected: "the partner's name of a location", Self.text)
        if partner.fixedLocation != nil {
            for key in ["location", "location_qualifier", "location_order"] where node(key) != nil {
                report(key, "excludes fixed_location")
            }
        }
    }

    private func readLot(into partner: inout X12PartnerSettings) {
        partner.lot = value("lot", expected: "lin or ref") { X12PartnerSettings.Lot(rawValue: $0) }
        if let qualifier = value("lot_qualifier", expected: "a qualifier of 1 to 3 characters", Self.qualifier) {
            partner.lotQualifier = qualifier
        }
        if let order = value("lot_order", expected: "before or after", { X12PartnerSettings.Order(rawValue: $0) }) {
            partner.lotOrder = order
        }
        if node("lot") == nil {
            for key in ["lot_qualifier", "lot_order"] where node(key) != nil { report(key, "goes with lot") }
        }
        if partner.lot == .lin {
            if node("lot_order") != nil { report("lot_order", "is for lot: ref") }
            if partner.skuQualifiers.contains(partner.lotQualifier) {
                report("lot_qualifier", "\(partner.lotQualifier) is one of sku_qualifiers")
            }
        }
        if partner.lot == .ref, partner.location == .ref, partner.fixedLocation == nil,
            partner.lotQualifier == partner.locationQualifier
        {
            report("lot_qualifier", "\(partner.lotQualifier) names the location")
        }
    }

    private func qualifiers(_ key: String) -> [String] {
        list(key, expected: "qualifiers of 1 to 3 characters", Self.qualifier)?.map(\.value) ?? []
    }

    private static func qualifier(_ text: String) -> String? { (1...3).contains(text.utf8.count) ? text : nil }

    private static func text(_ text: String) -> String? { Quantities.identifier(text, bytesMax: 64) }

    /// `+01:00` is 60.
    private static func offsetMinutes(_ text: String) -> Int64? {
        let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
        guard let sign = text.first, sign == "+" || sign == "-", parts.count == 2,
            parts.allSatisfy({ $0.utf8.count == 2 }), let hours = Quantities.count(String(parts[0])),
            let minutes = Quantities.count(String(parts[1])), hours <= 14, minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * (sign == "-" ? -1 : 1)
    }
}
