import Foundation
import Inventory
import Testing

@testable import Feeds

@Suite struct X12TimeTests {
    @Test(arguments: [
        ("DTM*405*20240229*2359", nil, "2024-02-29T23:59:00Z"), ("DTM*405*240229", nil, "2024-02-29T00:00:00Z"),
        ("DTM*405*700101*0001", nil, "1970-01-01T00:01:00Z"), ("DTM*405*691231", nil, "2069-12-31T00:00:00Z"),
        ("DTM*405*20240301*0000", 60, "2024-02-29T23:00:00Z"),
        ("DTM*405*20240301*000000*UT", 60, "2024-03-01T00:00:00Z"),
        ("DTM*405*20240301*120030*ES", nil, "2024-03-01T17:00:30Z"),
        ("DTM*405*20240301*1200*ET", -240, "2024-03-01T16:00:00Z"),
        ("DTM*405*20240301*12003099*01", nil, "2024-03-01T11:00:30Z"),
        ("DTM*405*20240301*1200*13", nil, "2024-03-02T00:00:00Z"),
        ("DTM*405*20240301*1200*24", nil, "2024-03-01T13:00:00Z"),
    ])
    func timeIsReadInItsZone(text: String, offset: Int?, expected: String) throws {
        let time = try X12Time.nanoseconds(told(text), utcOffsetMinutes: offset)
        #expect(Date(timeIntervalSince1970: Double(time / .perSecond)).formatted(.iso8601) == expected)
    }

    @Test(arguments: [
        ("DTM*405*20230229", "DTM02"), ("DTM*405*20241301", "DTM02"), ("DTM*405*2024010", "DTM02"),
        ("DTM*405*", "DTM02"),
        ("DTM*405*19691231", "DTM02"), ("DTM*405*99991231", "DTM02"), ("DTM*405*19700101*0000*01", "DTM02"),
        ("DTM*405*20240101*2400", "DTM03"), ("DTM*405*20240101*1260", "DTM03"),
        ("DTM*405*20240101*12", "DTM03"), ("DTM*405*20240101*12:00", "DTM03"), ("DTM*405*20240101*1200*ET", "DTM04"),
        ("DTM*405*20240101*1200*25", "DTM04"), ("DTM*405*20240101*1200*00", "DTM04"),
    ])
    func whatIsNoTimeIsRefusedByItsElement(text: String, element: String) {
        let problem = #expect(throws: X12Problem.self) {
            try X12Time.nanoseconds(told(text), utcOffsetMinutes: nil)
        }
        #expect(problem?.reason.hasPrefix("\(element): ") == true)
    }

    private func told(_ text: String) -> X12Time.Told {
        let bytes = Array(text.utf8)
        let separators = X12Separators(element: 0x2A, component: 0x3E, repetition: nil, segment: 0x7E)
        let segment = X12Segment(
            place: X12Place(line: 1, segment: 1, id: "DTM"), range: 0..<bytes.count,
            elements: bytes.split(separator: 0x2A, omittingEmptySubsequences: false), separators: separators)
        return X12Time.Told(segment: segment, date: 2, time: 3, zone: 4)
    }
}
