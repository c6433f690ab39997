import Feeds
import Inventory
import Testing

@Suite struct PartnerMapTests {
    @Test(arguments: [
        (PartnerMap([], [.onHand: ["33"]], .fixed("A")), ["skus"]),
        (PartnerMap(["SK"], [:], .fixed("A")), ["quantities"]),
        (PartnerMap(["SK"], [:], .fixed("A")) { $0.expectedQualifiers = ["018"] }, []),
        (PartnerMap(["SK"], [.onHand: ["33", "QA"], .damaged: ["QA"]], .fixed("A")), ["quantities.damaged"]),
        (PartnerMap(["SK"], [.reserved: ["33"]], .fixed("A")), ["quantities.reserved"]),
        (PartnerMap(["SK"], [.onHand: ["33"]], .fixed("A")) { $0.utcOffsetMinutes = 841 }, ["utc_offset"]),
        (PartnerMap(["SK", "VP"], [.onHand: ["33"], .incoming: ["QO"]], .fixed("A")), []),
    ])
    func mapThatCannotBeUsedSaysWhichKeyIsWrong(partner: PartnerMap, keys: [String]) {
        #expect(partner.problems.map(\.key) == keys)
    }
}
