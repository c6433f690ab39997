import Testing

@testable import Records

@Suite struct RecordReaderTests {
    /// What a record should be: its line and its text, or its line and what is wrong.
    struct Expected: Equatable {
        var line: Int
        var text: String
        var isBroken = false
    }

    static let csvCases: [(text: String, records: [Expected])] = [
        ("", []),
        ("\n\r\n", []),
        ("a,b", [Expected(line: 1, text: "a,b")]),
        ("a,b\r\nc,d\r\n", [Expected(line: 1, text: "a,b"), Expected(line: 2, text: "c,d")]),
        ("a\n\n\nb\n", [Expected(line: 1, text: "a"), Expected(line: 4, text: "b")]),
        ("\u{FEFF}a,b\nc", [Expected(line: 1, text: "a,b"), Expected(line: 2, text: "c")]),
        ("\"a\nb\",c\nd", [Expected(line: 1, text: "\"a\nb\",c"), Expected(line: 3, text: "d")]),
        ("\"a\"\"\r\n\"\"b\",c\r\nd", [Expected(line: 1, text: "\"a\"\"\r\n\"\"b\",c"), Expected(line: 3, text: "d")]),
        (
            "5\" pipe,b\nc\"\nd",
            [
                Expected(line: 1, text: "5\" pipe,b"), Expected(line: 2, text: "c\""), Expected(line: 3, text: "d"),
            ]
        ),
        ("\"a\" b,\nc", [Expected(line: 1, text: "\"a\" b,"), Expected(line: 2, text: "c")]),
        (
            "a\n\"b,c\nd,e\nf\n",
            [
                Expected(line: 1, text: "a"), Expected(line: 2, text: "", isBroken: true),
                Expected(line: 3, text: "d,e"),
                Expected(line: 4, text: "f"),
            ]
        ),
        ("a,\"", [Expected(line: 1, text: "", isBroken: true)]),
    ]

    @Test(arguments: csvCases.indices)
    func `records are the same at every split of the input`(index: Int) throws {
        let (text, expected) = Self.csvCases[index]
        let bytes = Array(text.utf8)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let found = records([bytes[..<first], bytes[first..<second], bytes[second...]], isCSV: true)
                let shown = found.map {
                    Expected(
                        line: $0.line, text: $0.problem == nil ? String(decoding: $0.bytes, as: UTF8.self) : "",
                        isBroken: $0.problem != nil)
                }
                #expect(shown == expected, "split at \(first) and \(second)")
                for record in found where record.problem == nil {
                    #expect(bytes[Int(record.offset)...].starts(with: record.bytes), "offset of line \(record.line)")
                }
            }
        }
    }

    @Test func `in JSON lines a quote hides no line break`() throws {
        let found = records([Array("{\"a\n\"b\"}\n".utf8)[...]], isCSV: false)
        #expect(found.map(\.line) == [1, 2])
    }

    @Test(arguments: [true, false])
    func `a record beyond the limit costs its first line only`(isCSV: Bool) throws {
        let long = [UInt8](repeating: 0x61, count: RawRecord.bytesMax + 1)
        let exact = [UInt8](repeating: 0x62, count: RawRecord.bytesMax)
        let bytes = Array("one\n".utf8) + long + Array("\n".utf8) + exact + Array("\nfour\n".utf8)
        for chunkBytes in [1, 7, 4_096, 65_536, 65_537, bytes.count] {
            let found = records(chunks(bytes, chunkBytes), isCSV: isCSV)
            #expect(found.map(\.line) == [1, 2, 3, 4])
            #expect(found.map { $0.problem == nil } == [true, false, true, true])
            #expect(String(decoding: found.last!.bytes, as: UTF8.self) == "four")
        }
    }

    @Test func `an unclosed quote in a long file costs one line, whatever the chunks`() throws {
        var text = "a,b\n\"open,1\n"
        for row in 0..<20_000 { text += "row\(row),\(row)\n" }
        let bytes = Array(text.utf8)
        for chunkBytes in [1_000, 65_536, 262_144] {
            let found = records(chunks(bytes, chunkBytes), isCSV: true)
            #expect(found.count == 20_002)
            #expect(found.filter { $0.problem != nil }.map(\.line) == [2])
            #expect(found[20_001].line == 20_002)
            #expect(bytes[Int(found[20_001].offset)...].starts(with: found[20_001].bytes))
        }
    }

    private func chunks(_ bytes: [UInt8], _ count: Int) -> [ArraySlice<UInt8>] {
        stride(from: 0, to: bytes.count, by: count).map { bytes[$0..<min(bytes.count, $0 + count)] }
    }

    /// Empty chunks are left out: they mean the end.
    private func records(_ chunks: [ArraySlice<UInt8>], isCSV: Bool) -> [RawRecord] {
        var rest = chunks.filter { !$0.isEmpty }.makeIterator()
        var reader = RecordReader(isCSV: isCSV) { () throws(Never) in rest.next().map(Array.init) ?? [] }
        var found: [RawRecord] = []
        while let record = reader.next() { found.append(record) }
        return found
    }
}
