/// The fields of one CSV record (RFC 4180, section 2). Used again for every record, so that it allocates nothing.
public struct CSVFields: Sendable {
    private var text: [UInt8] = []
    private var ends: [Int] = []

    public init() {}

    public var count: Int { ends.count }

    /// A field's bytes without its quotes.
    public subscript(_ index: Int) -> ArraySlice<UInt8> {
        text[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    /// Replaces the fields by those of `record`.
    public mutating func parse(_ record: [UInt8]) throws(CellProblem) {
        text.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        var offset = 0
        while true {
            if offset < record.count, record[offset] == UInt8(ascii: "\"") {
                try quotedField(record, &offset)
            } else {
                try plainField(record, &offset)
            }
            ends.append(text.count)
            if offset == record.count { return }
            offset += 1
        }
    }

    /// Moves to the comma or the end.
    private mutating func plainField(_ record: [UInt8], _ offset: inout Int) throws(CellProblem) {
        let start = offset
        while offset < record.count, record[offset] != UInt8(ascii: ",") {
            if record[offset] == UInt8(ascii: "\"") {
                throw CellProblem(reason: "field \(ends.count + 1): a quote inside a field that is not quoted")
            }
            offset += 1
        }
        text.append(contentsOf: record[start..<offset])
    }

    /// From the opening quote to the comma or the end.
    private mutating func quotedField(_ record: [UInt8], _ offset: inout Int) throws(CellProblem) {
        offset += 1
        while offset < record.count {
            let byte = record[offset]
            offset += 1
            if byte != UInt8(ascii: "\"") {
                text.append(byte)
            } else if offset < record.count, record[offset] == byte {
                text.append(byte)
                offset += 1
            } else {
                guard offset == record.count || record[offset] == UInt8(ascii: ",") else {
                    throw CellProblem(reason: "field \(ends.count + 1): text after the closing quote")
                }
                return
            }
        }
        throw CellProblem(reason: "field \(ends.count + 1): a quote is not closed")
    }
}
