import Inventory
import Records
import Testing

@testable import Catalogue

@Suite struct CSVRowParserTests {
    @Test func `a row takes its columns by name, in any order`() throws {
        var parser = try CSVRowParser(header: Array("damaged, location ,\"sku\",on_hand,occurred_at,reserved".utf8))
        let row = try parser.row(Array("2,WH1,A-1, +10 ,2026-11-21T03:00:00.5Z,7".utf8))
        #expect(row.sku == "A-1" && row.location == "WH1")
        #expect(row.touched == [BucketSet(.damaged), BucketSet(.onHand)])
        #expect(row.values[.damaged] == 2 && row.values[.onHand] == 10)
        #expect(row.occurredAtNanoseconds == 1_795_230_000_500_000_000)
        #expect(row.hasIgnoredColumns)
    }

    @Test func `an empty cell leaves its bucket absent`() throws {
        var parser = try CSVRowParser(header: Array("sku,location,on_hand,damaged,occurred_at".utf8))
        let row = try parser.row(Array("A,WH1,, -3,".utf8))
        #expect(row.touched == BucketSet(.damaged))
        #expect(row.values[.damaged] == -3)
        #expect(row.occurredAtNanoseconds == nil)
    }

    @Test(arguments: [
        ("sku,on_hand", "column \"location\" is missing"),
        ("location,on_hand", "column \"sku\" is missing"),
        ("sku,location,reserved", "at least one of the columns on_hand"),
        ("sku,location,on_hand,sku", "column \"sku\" occurs twice"),
        ("sku,location,onhand", "unknown column \"onhand\"; known are sku, location, on_hand, allocated"),
        ("sku;location;on_hand", "unknown column \"sku;location;on_hand\""),
        ("sku,location,on_hand\",", "a quote inside a field"),
    ])
    func `a header that cannot be used says why`(header: String, reason: String) {
        #expect(throws: CellProblem.self) {
            do throws(CellProblem) {
                _ = try CSVRowParser(header: Array(header.utf8))
            } catch {
                #expect(error.reason.contains(reason), "\(error.reason)")
                throw error
            }
        }
    }

    @Test(arguments: [
        ("A,WH1", "", "has 2 fields, the header 4"),
        (",WH1,1,", "sku", "is required"),
        ("A,,1,", "location", "is required"),
        ("A,WH1,,", "", "no bucket has a value"),
        ("A,WH1,1.0,", "on_hand", "\"1.0\" is not a whole number"),
        ("A,WH1,\"1,000\",", "on_hand", "\"1,000\" is not a whole number"),
        ("A,WH1,-,", "on_hand", "\"-\" is not a whole number"),
        ("A,WH1,1000000000001,", "on_hand", "is beyond ±10¹²"),
        ("A,WH1,99999999999999999999999,", "on_hand", "is beyond ±10¹²"),
        ("A,WH1,1,yesterday", "occurred_at", "\"yesterday\" is not a time"),
        ("\"A\tB\",WH1,1,", "sku", "control characters"),
        ("A,WH1234567890123456789012345678901,1,", "location", "at most 32 bytes"),
    ])
    func `a bad cell is told with its column`(record: String, column: String, reason: String) throws {
        var parser = try CSVRowParser(header: Array("sku,location,on_hand,occurred_at".utf8))
        #expect(throws: CellProblem.self) {
            do throws(CellProblem) {
                _ = try parser.row(Array(record.utf8))
            } catch {
                #expect(error.column == column)
                #expect(error.reason.contains(reason), "\(error.reason)")
                throw error
            }
        }
        #expect(try parser.row(Array("A,WH1,1,".utf8)).values[.onHand] == 1)
    }

    @Test func `a sku that is not UTF-8 is refused`() throws {
        var parser = try CSVRowParser(header: Array("sku,location,on_hand".utf8))
        #expect(throws: CellProblem(column: "sku", reason: "is not UTF-8")) {
            try parser.row([0xFF, 0xFE] + Array(",WH1,1".utf8))
        }
    }
}

@Suite struct JSONRowParserTests {
    @Test func `an object's names are the columns`() throws {
        var parser = JSONRowParser()
        let text =
            #" {"sku":"A\"\\\/\u00e9\ud83d\ude00","location":"WH1", "on_hand" : 5,"damaged":"-2","allocated":null,"#
            + #""occurred_at":"2026-11-21T04:00:00+01:00","releasing":1} "#
        let row = try parser.row(Array(text.utf8))
        #expect(row.sku == "A\"\\/é😀")
        #expect(row.location == "WH1")
        #expect(row.touched == [BucketSet(.onHand), BucketSet(.damaged)])
        #expect(row.values[.onHand] == 5 && row.values[.damaged] == -2)
        #expect(row.occurredAtNanoseconds == 1_795_230_000_000_000_000)
        #expect(row.hasIgnoredColumns)
    }

    @Test(arguments: [
        ("", "", "expected a JSON object"),
        ("[]", "", "expected a JSON object"),
        ("{}", "sku", "is required"),
        (#"{"sku":"A","location":"WH1"}"#, "", "no bucket has a value"),
        (#"{"sku":"A","location":"WH1","on_hand":1"#, "", "expected a comma or the object's end"),
        (#"{"sku":"A","location":"WH1","on_hand":1,}"#, "", "expected a string"),
        (#"{"sku":"A","location":"WH1","on_hand":1} x"#, "", "expected nothing after the object"),
        (#"{"sku":"A","location":"WH1","onhand":1}"#, "", "unknown column \"onhand\""),
        (#"{"sku":"A","sku":"B","location":"WH1","on_hand":1}"#, "sku", "occurs twice"),
        (#"{"sku":7,"location":"WH1","on_hand":1}"#, "sku", "is not a string"),
        (#"{"sku":null,"location":"WH1","on_hand":1}"#, "sku", "is required"),
        (#"{"sku":"A","location":"WH1","on_hand":1.5}"#, "on_hand", "\"1.5\" is not a whole number"),
        (#"{"sku":"A","location":"WH1","on_hand":1e3}"#, "on_hand", "\"1e3\" is not a whole number"),
        (#"{"sku":"A","location":"WH1","on_hand":01}"#, "", "leading zero"),
        (#"{"sku":"A","location":"WH1","on_hand":1,"reserved":1e+-5}"#, "", "expected a digit"),
        (#"{"sku":"A","location":"WH1","on_hand":1,"reserved":-}"#, "", "expected a digit"),
        (#"{"sku":"A","location":"WH1","on_hand":1,"reserved":1-2}"#, "", "expected a comma"),
        (#"{"sku":"A","location":"WH1","on_hand":true}"#, "on_hand", "is not a number"),
        (#"{"sku":"A","location":"WH1","on_hand":[1]}"#, "on_hand", "expected one value"),
        (#"{"sku":"A","location":"WH1","on_hand":nul}"#, "", "expected a value"),
        (#"{"sku":"A\q","location":"WH1","on_hand":1}"#, "", "unknown escape"),
        (#"{"sku":"A\ud83d","location":"WH1","on_hand":1}"#, "", "surrogate pair"),
        (#"{"sku":"A\ud83d\u0041","location":"WH1","on_hand":1}"#, "", "surrogate pair"),
        (#"{"sku":"A\u00g0","location":"WH1","on_hand":1}"#, "", "hexadecimal"),
        (#"{"sku":"A\n","location":"WH1","on_hand":1}"#, "sku", "control characters"),
        (#"{"sku":"A"#, "", "a string is not closed"),
        (#"{"sku":"A\"#, "", "a string is not closed"),
    ])
    func `a bad line says what is wrong`(line: String, column: String, reason: String) {
        var parser = JSONRowParser()
        #expect(throws: CellProblem.self) {
            do throws(CellProblem) {
                _ = try parser.row(Array(line.utf8))
            } catch {
                #expect(error.column == column)
                #expect(error.reason.contains(reason), "\(error.reason)")
                throw error
            }
        }
    }

    @Test func `any cut or change of a good line is refused or read, never a crash`() throws {
        let line = Array(
            #"{"sku":"A\u00e9\n","location":"WH1","on_hand":-15,"damaged":null,"occurred_at":"2026"}"#.utf8)
        var dice = Dice(seed: 1)
        for _ in 0..<20_000 {
            var changed = Array(line.prefix(Int(dice.number(0...Int64(line.count)))))
            for _ in 0..<dice.number(0...3) where !changed.isEmpty {
                changed[Int(dice.number(0...Int64(changed.count - 1)))] = UInt8(truncatingIfNeeded: dice.next())
            }
            var parser = JSONRowParser()
            _ = try? parser.row(changed)
        }
    }
}
