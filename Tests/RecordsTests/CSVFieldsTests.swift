import Testing

@testable import Records

@Suite struct CSVFieldsTests {
    static let good: [(record: String, fields: [String])] = [
        ("a", ["a"]),
        ("a,b,c", ["a", "b", "c"]),
        (",", ["", ""]),
        ("a,,", ["a", "", ""]),
        (" a , b ", [" a ", " b "]),
        ("\"a\"", ["a"]),
        ("\"\"", [""]),
        ("\"\",\"\"", ["", ""]),
        ("\"a,b\",c", ["a,b", "c"]),
        ("\"a\"\"b\"\"\",c", ["a\"b\"", "c"]),
        ("\"a\r\nb\",c", ["a\r\nb", "c"]),
        ("\"\"\"\"", ["\""]),
        ("é,\"ü\"", ["é", "ü"]),
    ]

    @Test(arguments: good.indices)
    func `fields of a well-formed record`(index: Int) throws {
        let (record, expected) = Self.good[index]
        var fields = CSVFields()
        try fields.parse(Array("earlier,record".utf8))
        try fields.parse(Array(record.utf8))
        #expect((0..<fields.count).map { String(decoding: fields[$0], as: UTF8.self) } == expected)
    }

    @Test(arguments: ["a\"b", "a,b\"", "\"a\"b", "\"a\" ,b", "\"a", "a,\"b\"\""])
    func `a misplaced quote is refused`(record: String) {
        var fields = CSVFields()
        #expect(throws: CellProblem.self) { try fields.parse(Array(record.utf8)) }
    }
}
