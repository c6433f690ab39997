internal import Inventory
internal import Records

/// One event as a JSON object on one line, in the names of protobuf's JSON: `occurredAt` or `occurred_at`. Numbers may be strings.
enum JSONRow {
    private static let nested = ["position", "supply"]
    private static let containsMax = Limits.containsMax

    static func read(_ line: [UInt8], into row: inout EventRow, _ names: RowNames = RowNames()) throws(CellProblem) {
        var scanner = JSONScanner()
        scanner.begin(line)
        try members(&scanner, names) { (name, scanner) throws(CellProblem) in
            if nested.contains(name) {
                try members(&scanner, of: name) { (field, scanner) throws(CellProblem) in
                    try set(field, &scanner, &row)
                }
            } else if name == "contains" {
                try contains(&scanner, &row)
            } else {
                try set(name, &scanner, &row)
            }
        }
        try scanner.expectEnd()
    }

    private static func set(
        _ field: String, _ scanner: inout JSONScanner, _ row: inout EventRow
    ) throws(CellProblem) {
        guard EventRow.fields.contains(field) else { throw CellProblem(reason: EventRow.unknownReason(field)) }
        if let text = try text(field, &scanner) { try row.set(field, text[...]) }
    }

    /// Nil: null.
    private static func text(_ field: String, _ scanner: inout JSONScanner) throws(CellProblem) -> [UInt8]? {
        switch try scanner.value(of: field) {
        case .string(let bytes), .number(let bytes): return bytes
        case .null: return nil
        case .boolean: throw CellProblem(column: field, reason: "is true or false")
        }
    }

    private static func contains(_ scanner: inout JSONScanner, _ row: inout EventRow) throws(CellProblem) {
        try scanner.expect("[", "a list of holds")
        if scanner.take("]") { return }
        repeat {
            guard row.event.contains.count < containsMax else {
                throw CellProblem(column: "contains", reason: "at most \(containsMax)")
            }
            var hold = ContainedHold(reservationID: "", lineID: 0, quantity: 0)
            try members(&scanner, of: "contains") { (field, scanner) throws(CellProblem) in
                guard let text = try text(field, &scanner) else { return }
                switch field {
                case "contains.reservation_id": hold.reservationID = String(decoding: text, as: UTF8.self)
                case "contains.reservation_line":
                    guard let line = UInt32(String(decoding: text, as: UTF8.self)) else {
                        throw CellProblem(column: field, reason: "is not a line's number")
                    }
                    hold.lineID = line
                case "contains.quantity": hold.quantity = try CellText.quantity(text[...], column: field)
                default: throw CellProblem(column: field, reason: "is not known")
                }
            }
            row.add(hold)
        } while scanner.take(",")
        try scanner.expect("]", "a comma or the list's end")
    }

    /// Each member once, by its name in the contract under that of its parent; those that `names` has without a field are
    /// passed over.
    private static func members(
        _ scanner: inout JSONScanner, of parent: String? = nil, _ names: RowNames = RowNames(),
        _ body: (_ field: String, inout JSONScanner) throws(CellProblem) -> Void
    ) throws(CellProblem) {
        try scanner.expect("{", "a JSON object")
        if scanner.take("}") { return }
        var seen: Set<String> = []
        repeat {
            let theirs = String(decoding: try scanner.string(), as: UTF8.self)
            try scanner.expect(":", "a colon after the name")
            let field: String?
            switch names.field(of: theirs) {
            case .none: field = (parent.map { "\($0)." } ?? "") + contractName(theirs)
            case .some(let named): field = named
            }
            guard let field else {
                _ = try scanner.value(of: theirs)
                continue
            }
            guard seen.insert(field).inserted else { throw CellProblem(column: field, reason: "occurs twice") }
            try body(field, &scanner)
        } while scanner.take(",")
        try scanner.expect("}", "a comma or the object's end")
    }

    /// `occurredAt` as `occurred_at`.
    private static func contractName(_ name: String) -> String {
        guard name.utf8.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else { return name }
        return name.reduce(into: "") { text, letter in
            if letter.isUppercase { text += "_" }
            text += letter.lowercased()
        }
    }
}
