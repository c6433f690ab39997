import Testing

@testable import Inventory

@Suite struct TextRulesTests {
    @Test(
        arguments: [
            ([0x41], true), ([0x20, 0x7E], true), ([0xC3, 0xA9], true), ([0xE2, 0x82, 0xAC], true),
            ([0xF0, 0x9F, 0x98, 0x80], true), ([0xC2, 0xA0], true), ([0xF4, 0x8F, 0xBF, 0xBF], true), ([], true),
            // Control characters: C0, DEL, C1.
            ([0x00], false), ([0x1F], false), ([0x41, 0x0A], false), ([0x7F], false), ([0xC2, 0x80], false),
            ([0xC2, 0x9F], false),
            // Overlong, surrogate, beyond U+10FFFF, truncated, stray, wrong continuation.
            ([0xC0, 0x80], false), ([0xC1, 0xBF], false), ([0xE0, 0x9F, 0xBF], false), ([0xED, 0xA0, 0x80], false),
            ([0xF0, 0x8F, 0xBF, 0xBF], false), ([0xF4, 0x90, 0x80, 0x80], false), ([0xF5, 0x80, 0x80, 0x80], false),
            ([0xE2, 0x82], false), ([0x80], false), ([0xE2, 0x82, 0x41], false), ([0xC3], false),
        ] as [([UInt8], Bool)])
    func onlyPrintableUTF8IsAccepted(bytes: [UInt8], isPrintable: Bool) {
        #expect(bytes.withUnsafeBytes { TextRules.isPrintable($0) } == isPrintable)
    }

    @Test func theSameBytesAreValidAsForTheStandardLibrary() {
        var random = SplitMix64(seed: makeTestSeed())
        for _ in 0..<100_000 {
            let bytes = (0..<Int.random(in: 1...4, using: &random)).map { index in
                index == 0 ? UInt8.random(in: 0...255, using: &random) : UInt8.random(in: 0x70...0xCF, using: &random)
            }
            let scalars = String(validating: bytes, as: UTF8.self)?.unicodeScalars
            let expected = scalars?.allSatisfy { $0.properties.generalCategory != .control } ?? false
            #expect(bytes.withUnsafeBytes { TextRules.isPrintable($0) } == expected, "\(bytes)")
        }
    }

    @Test func theProblemNamesTheLimit() {
        #expect(TextRules.problem("", bytesMax: 4) == "is required")
        #expect(TextRules.problem("abcd", bytesMax: 4) == nil)
        #expect(TextRules.problem("abcde", bytesMax: 4) == "at most 4 bytes, has 5")
        #expect(TextRules.problem("é\u{1}", bytesMax: 4) == "must be printable UTF-8 without control characters")
        #expect(TextRules.problemUnlessEmpty("", bytesMax: 4) == nil)
    }
}
