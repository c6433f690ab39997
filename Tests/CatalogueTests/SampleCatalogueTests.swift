import Engine
import Inventory
import Testing

@testable import Catalogue

@Suite struct SampleCatalogueTests {
    @Test func `the first positions are fixed for ever`() {
        let shown = SampleCatalogue.events(skus: 3, occurredAtNanoseconds: 1).map { incoming in
            let event = incoming.event
            let buckets: [Bucket] = [.onHand, .allocated, .quarantined, .damaged, .inTransit, .safetyStock]
            return "\(event.id) \(event.sku) \(event.location) "
                + buckets.map { String(event.snapshot.values[$0]) }.joined(separator: " ")
        }
        #expect(
            shown == [
                "sample:SKU-000001:26920af92f9e5123ef5c1be134f94e6f SKU-000001 WH1 418 0 5 3 0 0",
                "sample:SKU-000001:0973c58c881147337c1fe7a19572b073 SKU-000001 WH2 0 0 0 0 0 0",
                "sample:SKU-000001:e3c656497983ca534e489f1e3f2ac8be SKU-000001 WH4 190 0 0 0 0 0",
                "sample:SKU-000001:efecbc24cfb66f1a70ef7fcbedefbd5f SKU-000001 WH5 0 0 0 0 0 0",
                "sample:SKU-000002:848b62ad7208645c2410e01272d59ed1 SKU-000002 WH1 524 0 0 0 0 0",
                "sample:SKU-000002:a58310cbe468a1115ae5057f05341df8 SKU-000002 WH4 54 18 0 0 0 0",
                "sample:SKU-000003:52f26bb832cf366d08810967add1ed71 SKU-000003 WH1 0 0 0 0 0 0",
                "sample:SKU-000003:42038f3aa96e033736e0711c36eb5328 SKU-000003 WH2 172 0 0 0 0 0",
                "sample:SKU-000003:322f22d861e81552081e48b3bfa12db6 SKU-000003 WH3 113 16 0 0 62 2",
                "sample:SKU-000003:26027dd7d51a3343998413e7ce177c42 SKU-000003 WH6 56 0 0 0 0 1",
            ])
    }

    @Test func `every sku lies at WH1 and at about three places`() {
        var count = 0
        var atFirst = 0
        var empty = 0
        var located: [String: Int] = [:]
        for incoming in SampleCatalogue.events(skus: 10_000, occurredAtNanoseconds: 1) {
            let event = incoming.event
            count += 1
            located[event.location, default: 0] += 1
            if event.location == "WH1" { atFirst += 1 }
            let values = event.snapshot.values
            if values[.onHand] == 0 { empty += 1 }
            #expect(values[.quarantined] + values[.damaged] + values[.allocated] <= values[.onHand])
            for bucket in Bucket.allCases { #expect(values[bucket] >= 0) }
            #expect(event.source == "embedded" && event.occurredAtNanoseconds == 1)
        }
        #expect(atFirst == 10_000)
        #expect((29_000...31_000).contains(count))
        #expect((count / 12...count / 8).contains(empty))
        #expect(located.count == 6)
    }

    @Test func `the figures do not depend on how many skus are asked for`() {
        let few = SampleCatalogue.events(skus: 10, occurredAtNanoseconds: 5).map(\.event)
        let many = SampleCatalogue.events(skus: 100, occurredAtNanoseconds: 5).prefix(few.count).map(\.event)
        #expect(few == Array(many))
        #expect(Set(few.map(\.id)).count == few.count)
    }

    @Test func `a refusal ends the loading`() {
        let store = RecordingStore(commandsMax: 2)
        #expect(throws: PositionFileError.self) {
            try SampleCatalogue.load(skus: 5_000, occurredAtNanoseconds: 1) { try store.submit($0) }
        }
    }
}
