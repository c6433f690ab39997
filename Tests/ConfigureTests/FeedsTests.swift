import Foundation
import Inventory
import Testing

@testable import Configure

struct ConfiguredFeedTests {
    private func read(_ text: String) throws -> (feeds: [ConfiguredFeed], problems: [String]) {
        let problems = ProblemCollector()
        let file = try ConfigurationFile(name: "test.yaml", text: "locations: {WH1: , WH2: }\n" + text)
        let catalogue = CatalogueReader(MappingReader(file: file, problems: problems)).catalogue
        return (catalogue.feeds, problems.problems.map(\.description))
    }

    @Test func everyKindHasItsKeysAndDefaults() throws {
        let (feeds, problems) = try read(
            """
            erps: {sap: {adapter: embedded}}
            feeds:
              a: {kind: files, source: wms, folder: /in, format: json_lines, lag_max: 5m}
              b:
                kind: files
                source: supplier
                folder: /x12
                format: x12_846
                settle: 0
                poll_every: 10s
                partner: {sku_qualifiers: [SK, VP], quantity_qualifiers: {33: on_hand, 1: on_hand}, location: ref, date_qualifiers: [405], utc_offset: '-05:30'}
                map:
                  skus_file: skus.csv
                  unlisted_skus: refuse
                  locations: {'001': WH1}
                  unlisted_locations: refuse
                  reasons: {'07': BREAKAGE}
              c: {kind: http, source: wms}
              d: {kind: shopify, source: shop, secret_files: [a, b], shop: x.myshopify.com, available_as: safety_stock}
              e: {kind: nats, source: wms, url: 'nats://h:1', stream: S, subjects: [a.b], batch: 5}
              f: {kind: erp, erp: sap}
            """)
        #expect(problems == [])
        var files = FilesFeedSettings()
        files.folder = "/in"
        files.format = .jsonLines
        #expect(files.settleNanoseconds == 2_000_000_000 && files.pollNanoseconds == 1_000_000_000)
        var first = ConfiguredFeed(id: "a", kind: .files(files), source: "wms")
        first.lagMaxNanoseconds = 300_000_000_000
        #expect(feeds.first == first)
        files = FilesFeedSettings()
        files.folder = "/x12"
        files.format = .x12Inventory
        files.settleNanoseconds = 0
        files.pollNanoseconds = 10_000_000_000
        files.partner.skuQualifiers = ["SK", "VP"]
        files.partner.quantityQualifiers = [.onHand: ["33", "1"]]
        files.partner.location = .ref
        files.partner.locationQualifier = "ZZ"
        files.partner.utcOffsetMinutes = -330
        files.partner.dateQualifiers = ["405"]
        var second = ConfiguredFeed(id: "b", kind: .files(files), source: "supplier")
        second.map.skusFile = "skus.csv"
        second.map.passesUnlistedSkus = false
        second.map.locations = ["001": "WH1"]
        second.map.passesUnlistedLocations = false
        second.map.reasons = ["07": "BREAKAGE"]
        #expect(feeds.dropFirst().first == second)
        var shop = ShopifyFeedSettings()
        shop.secretFiles = ["a", "b"]
        shop.shop = "x.myshopify.com"
        shop.availableAs = .safetyStock
        var nats = NatsFeedSettings()
        nats.url = "nats://h:1"
        nats.stream = "S"
        nats.subjects = ["a.b"]
        nats.durable = "e"
        nats.batch = 5
        var erp = ErpFeedSettings()
        erp.erp = "sap"
        #expect(erp.overlapNanoseconds == 60_000_000_000)
        #expect(feeds.dropFirst(2).map(\.kind) == [.http(HTTPFeedSettings()), .shopify(shop), .nats(nats), .erp(erp)])
        #expect(feeds.last?.source == "sap")
    }

    @Test(arguments: [
        ("{source: s}", "feeds.f.kind: is required: one of files, http, shopify, nats, erp"),
        ("{kind: kafka, source: s}", "feeds.f.kind: expected one of files, http, shopify, nats, erp, not 'kafka'"),
        ("{kind: http}", "feeds.f.source: is required: whose events it brings"),
        ("{kind: http, source: s, pth: /e}", "feeds.f.pth: unknown key; did you mean path?"),
        ("{kind: http, source: s, folder: /e}", "feeds.f.folder: is for kind files only"),
        ("{kind: http, source: s, poll_every: 1s}", "feeds.f.poll_every: is for kind files and erp only"),
        ("{kind: http, source: s, path: /metrics}", "feeds.f.path: the server answers /metrics itself"),
        (
            "{kind: http, source: s, path: events}",
            "feeds.f.path: expected a path such as /events, of letters, digits and ./_-, not 'events'"
        ),
        ("{kind: files, source: s, format: csv}", "feeds.f.folder: is required: the folder's path"),
        (
            "{kind: files, source: s, folder: /i, format: xml}",
            "feeds.f.format: expected one of csv, json_lines, x12_846, not 'xml'"
        ),
        (
            "{kind: files, source: s, folder: /i, format: csv, partner: {location: n1}}",
            "feeds.f.partner: is for the format x12_846 only"
        ),
        (
            "{kind: files, source: s, folder: /i, format: x12_846}",
            "feeds.f.partner: is required for the format x12_846: how the partner fills it"
        ),
        (
            "{kind: files, source: s, folder: /i, format: x12_846, partner: {sku_qualifiers: [SK], "
                + "quantity_qualifiers: {33: on_hand}, lot_qualifier: LT}}",
            "feeds.f.partner.lot_qualifier: goes with lot"
        ),
        (
            "{kind: files, source: s, folder: /i, format: x12_846, partner: {sku_qualifiers: [SK], "
                + "quantity_qualifiers: {33: on_hand}, lot: lin, lot_order: after}}",
            "feeds.f.partner.lot_order: is for lot: ref"
        ),
        (
            "{kind: files, source: s, folder: /i, format: x12_846, partner: {sku_qualifiers: [SK], "
                + "quantity_qualifiers: {33: on_hand}, location: ref, lot: ref, lot_qualifier: ZZ}}",
            "feeds.f.partner.lot_qualifier: ZZ names the location"
        ),
        (
            "{kind: files, source: s, folder: /i, format: x12_846, partner: {sku_qualifiers: [LT], "
                + "quantity_qualifiers: {33: on_hand}, lot: lin}}",
            "feeds.f.partner.lot_qualifier: LT is one of sku_qualifiers"
        ),
        (
            "{kind: files, source: s, folder: /i, format: csv, lag_max: 1ms}",
            "feeds.f.lag_max: expected a duration from 1s to 7d, not '1ms'"
        ),
        (
            "{kind: http, source: s, map: {locations: {HAM: WH3}}}",
            "feeds.f.map.locations.HAM: 'WH3' is not a location of this file; did you mean WH1?"
        ),
        ("{kind: http, source: s, map: {skus: {A: B}, skus_file: f}}", "feeds.f.map.skus_file: excludes skus"),
        (
            "{kind: http, source: s, map: {unlisted_skus: drop}}",
            "feeds.f.map.unlisted_skus: expected pass or refuse, not 'drop'"
        ),
        ("{kind: erp, erp: embedded, types: {a: B}}", "feeds.f.types: is for kind files and http and nats only"),
        (
            "{kind: files, source: s, folder: /i, format: x12_846, columns: {A: sku}, partner: {sku_qualifiers: [SK], "
                + "quantity_qualifiers: {'33': on_hand}, fixed_location: X}}",
            "feeds.f.columns: is for the formats csv and json_lines only"
        ),
        ("{kind: nats, source: s, url: 'nats://h', stream: S}", "feeds.f.subjects: at least one is required"),
        ("{kind: erp, erp: embeded}", "feeds.f.erp: 'embeded' is not an ERP of this file; did you mean embedded?"),
        (
            "{kind: erp, erp: embedded, map: {skus: {A: B}}}",
            "feeds.f.map: is not for kind erp: its figures are named as its holds are"
        ),
        (
            "{kind: erp, erp: embedded, poll_every: 1m, lag_max: 1m}",
            "feeds.f.lag_max: must be longer than poll_every: a feed of kind erp lags by that before each poll"
        ),
        (
            "{kind: shopify, source: s, shop: x}",
            "feeds.f.secret_files: one or two are required: the app's client secret, and the next during a rotation"
        ),
    ])
    func badKeyIsNamedWithItsLine(mapping: String, problem: String) throws {
        let (_, problems) = try read("feeds:\n  f: \(mapping)\n")
        #expect(problems.map { $0.split(separator: ": ", maxSplits: 1).last.map(String.init) } == [problem])
        #expect(problems.allSatisfy { $0.hasPrefix("test.yaml:3") })
    }

    @Test func twoFeedsShareNeitherFolderNorPath() throws {
        let (_, problems) = try read(
            """
            feeds:
              a: {kind: files, source: s, folder: /in, format: csv}
              b: {kind: files, source: s, folder: /in, format: csv}
              c: {kind: http, source: s}
              d: {kind: http, source: s}
            """)
        #expect(
            problems == [
                "test.yaml:4: feeds.b.folder: is that of the feed a already",
                "test.yaml:6: feeds.d.path: is that of the feed c already",
            ])
    }

    @Test func sourcesThatOnlyFeedsNameAreKnownAndOrderedByTime() throws {
        var catalogue = ConfiguredCatalogue()
        catalogue.sources = [SourceTerms(id: "wms", order: .sequence)]
        catalogue.feeds = ["wms", "shop", "shop"].map {
            ConfiguredFeed(id: $0, kind: .http(HTTPFeedSettings()), source: $0)
        }
        #expect(catalogue.allSources.map(\.id) == ["wms", "shop"])
        #expect(catalogue.allSources.map(\.order) == [.sequence, .occurredAt])
    }
}
