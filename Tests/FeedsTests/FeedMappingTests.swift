import Feeds
import Testing

@Suite struct FeedMappingTests {
    @Test func whatIsListedIsTranslatedAndTheRestPassesOnlyWhereSaid() {
        var mapping = FeedMapping(skus: ["THEIRS": "ours"], locations: ["001": "WH1"], reasons: ["07": "BREAKAGE"])
        #expect(mapping.sku("THEIRS") == "ours" && mapping.sku("other") == "other")
        #expect(mapping.location("001") == "WH1" && mapping.location("002") == "002")
        #expect(mapping.reason("07") == "BREAKAGE" && mapping.reason("08") == "08")
        mapping.passesUnlistedSkus = false
        mapping.passesUnlistedLocations = false
        #expect(mapping.sku("other") == nil && mapping.location("002") == nil)
    }
}
