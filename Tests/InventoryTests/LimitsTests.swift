import Testing

@testable import Inventory

@Suite struct LimitsTests {
    @Test func theLimitsFitEachOther() {
        #expect(Limits.brokenRelations == [])
    }

    @Test func everyLimitIsListedOnceWithAPositiveValue() {
        let names = Limits.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(Limits.all.allSatisfy { $0.value > 0 })
    }
}
