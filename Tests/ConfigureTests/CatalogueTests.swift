import Foundation
import Inventory
import Testing

@testable import Configure

struct CatalogueTests {
    private func read(_ text: String) throws -> (catalogue: ConfiguredCatalogue, problems: [String]) {
        let problems = ProblemCollector()
        let file = try ConfigurationFile(name: "test.yaml", text: text)
        let catalogue = CatalogueReader(MappingReader(file: file, problems: problems)).catalogue
        return (catalogue, problems.problems.map(\.description))
    }

    @Test func everyPartBecomesWhatTheDomainKnows() throws {
        let (catalogue, problems) = try read(
            """
            locations:
              WH1: {display_name: One, active: false, owner: wms-1, bucket_owners: {incoming: erp}}
              WH2:
            groups: {EAST: [WH2, WH1]}
            sources: {wms-1: {order: sequence, lots: included}, erp: {order: sequence, lots: separate}, shop: }
            channels:
              web:
                display_name: Web
                sourcing: [WH2, EAST]
                share_percent: 40
                buffer: 5%
                safety_stock: 3
                cap: 10
                floor: 2
                count_in_transit: true
                split_allowed: false
                stale_after: 15m
                stale_action: buffer 20%
                allowed_oversell: 6
                degradation_buffer: 15%
                default_ttl: 10m
                longest_ttl: 7d
                customer_units_max: 50
                customer_holds_max: 8
                write_mode: behind
                erp_wait_max: 1500ms
                throttle:
                  read_units_per_second: 10
                  reservations_per_second: 20
                  reservations_burst: 40
                  calls_in_flight_max: 4
                overrides:
                  - {sku: A, location: WH1, buffer: 7, stale_action: refuse}
                  - {sku_prefix: B-, share_percent: 0, stale_after: never}
                  - {sku: C, default_ttl: 1m, longest_ttl: 2m, customer_units_max: 1, write_mode: through, erp_wait_max: 0}
                  - {location: WH2, safety_stock: 9, allowed_oversell: 0, count_in_transit: false}
            """)
        #expect(problems == [])
        #expect(
            catalogue.locations == [
                Location(
                    id: "WH1", number: 0, displayName: "One", isActive: false, owner: "wms-1",
                    bucketOwners: ["incoming": "erp"]),
                Location(id: "WH2", number: 0),
            ])
        #expect(catalogue.groups == [LocationGroup(id: "EAST", members: ["WH2", "WH1"])])
        #expect(
            catalogue.sources == [
                SourceTerms(id: "wms-1", order: .sequence, lots: .included), SourceTerms(id: "erp", order: .sequence),
                SourceTerms(id: "shop"),
            ])
        let channel = try #require(catalogue.channels.first)
        #expect(channel.policyVersion == 1)
        var policy = ChannelPolicy()
        policy.sourcing = ["WH2", "EAST"]
        policy.terms.sharePercent = 40
        policy.terms.buffer = .percent(5)
        policy.terms.safetyStock = 3
        policy.terms.countInTransit = true
        policy.terms.staleAfterNanoseconds = 900_000_000_000
        policy.terms.staleAction = .buffer(percent: 20)
        policy.cap = 10
        policy.floor = 2
        policy.splitAllowed = false
        policy.throttle.readUnitsPerSecond = 10
        policy.throttle.reservationsPerSecond = 20
        policy.throttle.reservationsBurst = 40
        policy.throttle.callsInFlightMax = 4
        policy.terms.allowedOversell = 6
        policy.degradationBuffer = .percent(15)
        policy.holds.defaultTTLNanoseconds = 600 * .perSecond
        policy.holds.longestTTLNanoseconds = 7 * 86_400 * .perSecond
        policy.holds.customerUnitsMax = 50
        policy.holds.customerHoldsMax = 8
        policy.holds.writeMode = .behind
        policy.holds.erpWaitMaxNanoseconds = 1_500 * .perMillisecond
        var first = PolicyOverride(skus: .sku("A"), location: "WH1")
        first.buffer = .units(7)
        first.staleAction = .refuse
        var second = PolicyOverride(skus: .prefix("B-"))
        second.sharePercent = 0
        second.staleAfterNanoseconds = 0
        var third = PolicyOverride(skus: .sku("C"))
        third.holds.defaultTTLNanoseconds = 60 * .perSecond
        third.holds.longestTTLNanoseconds = 120 * .perSecond
        third.holds.customerUnitsMax = 1
        third.holds.writeMode = .through
        third.holds.erpWaitMaxNanoseconds = 0
        var fourth = PolicyOverride(skus: .all, location: "WH2")
        fourth.safetyStock = 9
        fourth.allowedOversell = 0
        fourth.countInTransit = false
        policy.overrides = [first, second, third, fourth]
        #expect(channel.policy == policy)
    }

    @Test func everyProblemIsToldWithItsLine() throws {
        let (_, problems) = try read(
            """
            locations:
              WH1: {bucket_owners: {on_hnad: a, reserved: b}}
              WH2: {owner: 5, activ: true}
              WH3: no
            groups:
              WH2: [WH1]
              EAST: [WH1, WH9, WH1]
              NONE: []
            sources:
              a: {order: time}
            channels:
              web:
                sourcing: [WH1, WEST]
                share_percent: 101
                buffer: 5 %
                stale_action: buffer
                throttle: {read_units_per_second: 5, read_units_burst: 10}
                overrides:
                  - {buffer: 1}
                  - {sku: A, sku_prefix: B}
                  - {sku: C, location: EAST}
                  - {sku: C, location: EAST}
                  - text
              b2b: {cap: -1, overrides: 5}
            """)
        #expect(
            problems == [
                "test.yaml:2: locations.WH1.bucket_owners.on_hnad: unknown bucket; did you mean on_hand?",
                "test.yaml:2: locations.WH1.bucket_owners.reserved: unknown bucket: one of on_hand, allocated, "
                    + "quarantined, damaged, in_transit, incoming, backordered, safety_stock",
                "test.yaml:3: locations.WH2.activ: unknown key; did you mean active?",
                "test.yaml:4: locations.WH3: expected a mapping of keys to values, not a single value",
                "test.yaml:6: groups.WH2: a location has the same name",
                "test.yaml:7: groups.EAST: 'WH9' is not a location of this file; did you mean WH1?",
                "test.yaml:7: groups.EAST: 'WH1' is listed twice",
                "test.yaml:8: groups.NONE: a group needs at least one location",
                "test.yaml:10: sources.a.order: expected occurred_at or sequence, not 'time'",
                "test.yaml:13: channels.web.sourcing: 'WEST' is not a location or group of this file",
                "test.yaml:14: channels.web.share_percent: expected a percentage from 0 to 100, without the sign, "
                    + "not '101'",
                "test.yaml:15: channels.web.buffer: expected units such as 2, or a percentage such as 5%, not '5 %'",
                "test.yaml:16: channels.web.stale_action: expected serve, withhold, refuse, or a cut such as 'buffer 20%', "
                    + "not 'buffer'",
                "test.yaml:19: channels.web.overrides[0]: needs a sku, a sku_prefix or a location",
                "test.yaml:20: channels.web.overrides[1]: has both sku and sku_prefix: only one of them may be given",
                "test.yaml:21: channels.web.overrides[2].location: 'EAST' is not a location of this file",
                "test.yaml:22: channels.web.overrides[3].location: 'EAST' is not a location of this file",
                "test.yaml:22: channels.web.overrides[3]: another override is for the same skus and location",
                "test.yaml:23: channels.web.overrides[4]: expected a mapping of keys to values, not a single value",
                "test.yaml:24: channels.b2b.sourcing: a channel needs at least one location or group to sell from",
                "test.yaml:24: channels.b2b.cap: expected a whole number of units from 0 to 1000000000000, not '-1'",
                "test.yaml:24: channels.b2b.overrides: expected a list of mappings, not a single value",
            ])
    }

    @Test func whatTheDomainWouldRefuseIsToldWithItsKey() throws {
        let (_, problems) = try read(
            """
            locations:
              WH1: {owner: counter, bucket_owners: {on_hand: clock}}
            sources:
              counter: {order: sequence}
            channels:
              web:
                sourcing: [WH1]
                throttle: {read_units_per_second: 1000000001, calls_in_flight_max: 1000001}
            """)
        #expect(
            problems == [
                "test.yaml:2: locations.WH1: owners ordered by time and by sequence do not mix",
                "test.yaml:8: channels.web.throttle.read_units_per_second: expected a whole number from 0 to 1000000000, "
                    + "not '1000000001'",
                "test.yaml:8: channels.web.throttle.calls_in_flight_max: expected a whole number from 0 to 1000000, "
                    + "not '1000001'",
            ])
    }

    @Test func theTermsOfHoldsAreBoundedAndToldWithTheirKey() throws {
        let ttl = "expected a duration from 1s to 400d"
        let above = "default_ttl is above longest_ttl; absent, they are 15m and 24h"
        let units = "expected a whole number of units from 1 to 1000000000000"
        let table: [(line: String, problem: String?)] = [
            ("default_ttl: 1s", nil), ("default_ttl: 999ms", "default_ttl: \(ttl), not '999ms'"),
            ("longest_ttl: 400d", nil), ("longest_ttl: 401d", "longest_ttl: \(ttl), not '401d'"),
            ("longest_ttl: 10m", "longest_ttl: \(above)"),
            ("default_ttl: 25h", "default_ttl: \(above)"),
            ("customer_units_max: 0", "customer_units_max: \(units), not '0'"),
            ("customer_holds_max: 4294967295", nil),
            (
                "customer_holds_max: 4294967296",
                "customer_holds_max: expected a whole number from 1 to 4294967295, not '4294967296'"
            ),
            ("write_mode: around", "write_mode: expected through or behind, not 'around'"),
            ("erp_wait_max: 60s", nil),
            ("erp_wait_max: 61s", "erp_wait_max: expected a duration from 0 to 60s, not '61s'"),
            (
                "allowed_oversell: -1",
                "allowed_oversell: expected a whole number of units from 0 to 1000000000000, not '-1'"
            ),
            (
                "degradation_buffer: x",
                "degradation_buffer: expected units such as 2, or a percentage such as 5%, not 'x'"
            ),
            (
                "throttle: {reservations_burst: 1000000001}",
                "throttle.reservations_burst: expected a whole number from 0 to 1000000000, not '1000000001'"
            ),
            ("overrides: [{sku: A, longest_ttl: 10m}]", nil),
            (
                "overrides: [{sku: A, location: WH1, write_mode: behind}]",
                "overrides[0].write_mode: concerns more than one location: an override with a location may not have it"
            ),
            (
                "overrides: [{sku: A, default_ttl: 2m, longest_ttl: 1m}]",
                "overrides[0].default_ttl: default_ttl is above longest_ttl"
            ),
            (
                "overrides: [{sku: A, customer_holds_max: 1}]",
                "overrides[0].customer_holds_max: unknown key; did you mean customer_units_max?"
            ),
        ]
        for row in table {
            let (_, problems) = try read(
                "locations: {WH1: }\nchannels:\n  web:\n    sourcing: [WH1]\n    \(row.line)")
            #expect(problems == (row.problem.map { ["test.yaml:5: channels.web.\($0)"] } ?? []), "\(row.line)")
        }
    }

    @Test func aSampleBesideACatalogueOfItsOwnIsRefused() throws {
        let file = try ConfigurationFile(name: "test.yaml", text: "sample_catalogue: true\nlocations: {A: }")
        let error = #expect(throws: ConfigurationError.self) {
            try loadConfiguration(file, flags: [:], environment: [:])
        }
        #expect(error?.problems.map(\.key) == ["sample_catalogue"])
    }

    @Test func aFileMayAskForTheSample() throws {
        let file = try ConfigurationFile(name: "test.yaml", text: "sample_catalogue: true")
        let loaded = try loadConfiguration(file, flags: [:], environment: [:])
        let b2b = try #require(loaded.catalogue.channels.last)
        #expect(b2b.policy.floor == 5)
        #expect(b2b.policy.terms.staleAction == .buffer(percent: 20))
        #expect(loaded.catalogue.channels[1].policy.cap == 500)
    }
}

struct ExampleFileTests {
    private let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Examples/availability-server.yaml").path()

    @Test func theExampleFileIsValid() throws {
        let loaded = try checkConfiguration(file: path)
        #expect(loaded.catalogue.channels.first?.policy.overrides.count == 3)
        #expect(loaded.settings.tls?.clientAuthorityPath != nil)
    }

    @Test func theExampleFileShowsEveryKey() throws {
        let file = try ConfigurationFile(path: path)
        for key in SettingKey.allCases {
            #expect(file.scalar(key.path) != nil, "\(key.path) is not in the example")
        }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let keys = Set(
            text.split(separator: "\n").compactMap { line -> String? in
                let trimmed = line.drop { $0 == " " || $0 == "-" }
                return trimmed.hasPrefix("#") ? nil : trimmed.split(separator: ":").first.map(String.init)
            })
        let known =
            CatalogueReader.Keys.sections + CatalogueReader.Keys.location + CatalogueReader.Keys.source
            + CatalogueReader.Keys.channel + CatalogueReader.Keys.throttle + CatalogueReader.Keys.override
            + CatalogueReader.Keys.erp + CatalogueReader.Keys.tryton + CatalogueReader.Keys.feed
            + CatalogueReader.Keys.feedMap + CatalogueReader.Keys.partner
            + CatalogueReader.Keys.feedKinds.values.flatMap(\.self) + CatalogueReader.Keys.publication
            + CatalogueReader.Keys.publicationKinds.values.flatMap(\.self)
        // Of two that exclude each other; the other is told of beside it.
        for key in known where !["password_variable", "fixed_location"].contains(key) {
            #expect(keys.contains(key), "\(key) is not in the example")
        }
    }

    @Test func theExampleShowsDefaultsWhereItSaysSo() throws {
        let file = try ConfigurationFile(path: path)
        let different: Set<SettingKey> = [.listen, .data, .tlsCertificate, .tlsPrivateKey, .tlsClientAuthority]
        for key in SettingKey.allCases where !different.contains(key) {
            #expect(file.scalar(key.path)?.text.replacing("_", with: "") == key.defaultText.replacing("_", with: ""))
        }
    }
}
