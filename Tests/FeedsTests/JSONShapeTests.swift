import Testing

@testable import Feeds

@Suite struct JSONShapeTests {
    private func elements(_ text: String) throws(JSONShape.Problem) -> [String] {
        let bytes = Array(text.utf8)
        return try JSONShape.elements(of: bytes).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test(arguments: [
        ("[]", []), (" [ ] ", []), ("[1]", ["1"]), ("[{\"a\":[1,2]},\"],[\"]", ["{\"a\":[1,2]}", "\"],[\""]),
        ("[\"\\\"\",\"\\\\\"]", ["\"\\\"\"", "\"\\\\\""]), ("[{\"a\":nonsense},{}]", ["{\"a\":nonsense}", "{}"]),
    ])
    func theValuesOfAnArrayAreFoundByBracketsAndStringsAlone(_ text: String, _ expected: [String]) throws {
        #expect(try elements(text) == expected)
    }

    @Test func whatIsBehindTheMostThatAreTakenIsNotLookedAt() throws {
        let bytes = Array("[0,1,{".utf8)
        #expect(throws: JSONShape.Problem.tooMany) { try JSONShape.elements(of: bytes, countMax: 2) }
        #expect(throws: JSONShape.Problem.unbalanced) { try JSONShape.elements(of: bytes, countMax: 3) }
        #expect(try JSONShape.elements(of: Array("[0,1]".utf8), countMax: 2).count == 2)
    }

    @Test(
        arguments: [
            ("", .notAnArray), ("{}", .notAnArray), ("[", .unbalanced), ("[{]", .unbalanced), ("[1] 2", .unbalanced),
            ("[\"a]", .unbalanced), ("[\"a\\", .unbalanced), ("[,]", .unbalanced), ("[1}2]", .unbalanced),
            ("[1,]", .unbalanced),
            ("[\u{0}]", .unbalanced),
            (String(repeating: "[", count: 40) + String(repeating: "]", count: 40), .tooDeep),
        ] as [(String, JSONShape.Problem)])
    func whatDoesNotFitIsNoArray(_ text: String, _ problem: JSONShape.Problem) {
        #expect(throws: problem) { try elements(text) }
    }
}
