import Foundation
import Inventory
import Testing

@testable import Ledger

/// One of a kind; the greater the sequence the smaller the digest.
func makeLetter(
    _ sequence: UInt64, attempts: UInt32 = 1, text: String = "x", original: [UInt8] = [1, 2, 3]
) -> DeadLetter {
    DeadLetter(
        sequence: sequence, digest: DeadLetterDigest(high: .max - sequence, low: 7), contentType: 1,
        firstTimeNanoseconds: -2, lastTimeNanoseconds: 3, attempts: attempts, reason: "TOO_OLD: \(text)",
        source: "erp\(text)", eventID: "é\(text)", sku: "", feed: "feed\(text)", original: original)
}

@Suite struct DeadLetterTests {
    let directory = TemporaryDirectory()

    @Test func aLetterRoundTripsByItsSequenceItsIDAndItsDigest() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let letters = [
            makeLetter(1, original: []), makeLetter(70_000, original: [UInt8](repeating: 7, count: 1 << 20)),
            makeLetter(.max, text: String(repeating: "y", count: 60_000)),
        ]
        try ledger.commit { batch throws(LedgerError) in
            for letter in letters { try batch.setDeadLetter(letter, tenant: 1) }
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        for letter in letters {
            #expect(try reader.deadLetter(tenant: 1, sequence: letter.sequence) == letter)
            #expect(try reader.deadLetter(tenant: 1, id: letter.id) == letter)
            #expect(try reader.deadLetter(tenant: 1, digest: letter.digest) == letter)
            #expect(try reader.deadLetter(tenant: 2, id: letter.id) == nil)
        }
        for id in ["", "-", "1", "1-", "x-y", letters[0].id + "0", "zzzzzzzzzzzzzzzzzzzzzzzz-1", letters[0].id + "-1"] {
            #expect(try reader.deadLetter(tenant: 1, id: id) == nil, "\(id)")
        }
        #expect(try ledger.verify().isClean)
    }

    @Test func theyAreListedInOrderOfTheirFirstComingFromAnyPlace() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            for sequence: UInt64 in [9, 3, 300, 5] { try batch.setDeadLetter(makeLetter(sequence), tenant: 1) }
            try batch.setDeadLetter(makeLetter(4), tenant: 2)
        }
        let reader = try ledger.makeReader()
        try reader.renew()
        func sequences(after: UInt64) throws -> [UInt64] {
            var found: [UInt64] = []
            try reader.forEachDeadLetter(tenant: 1, after: after) { letter in
                found.append(letter.sequence)
                return true
            }
            return found
        }
        #expect(try sequences(after: 0) == [3, 5, 9, 300])
        #expect(try sequences(after: 5) == [9, 300])
        #expect(try sequences(after: 300) == [])
        #expect(try sequences(after: .max) == [])
    }

    @Test func aRepeatTakesThePlaceOfTheLetterAndADeletedOneLeavesNothing() throws {
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        try ledger.commit { batch throws(LedgerError) in
            try batch.setDeadLetter(makeLetter(5), tenant: 1)
            try batch.setDeadLetter(makeLetter(6), tenant: 1)
        }
        try ledger.commit { batch throws(LedgerError) in
            try batch.setDeadLetter(makeLetter(5, attempts: 2, text: "longer"), tenant: 1)
            #expect(batch.state.deadLetters == 2)
            let both = UInt64(makeLetter(5, text: "longer").bytes + makeLetter(6).bytes)
            #expect(batch.state.deadLetterBytes == both)
            #expect(try batch.deadLetter(tenant: 1, digest: makeLetter(5).digest)?.attempts == 2)
            #expect(try batch.deleteDeadLetter(makeLetter(6), tenant: 1))
            #expect(try !batch.deleteDeadLetter(makeLetter(6), tenant: 1))
            #expect(try batch.deadLetter(tenant: 1, digest: makeLetter(6).digest) == nil)
        }
        let report = try ledger.verify()
        #expect(report.isClean, "\(report.problems)")
        #expect(report.deadLetters == 1)
        #expect(report.deadLetterIDs == 1)
        #expect(report.deadLetterBytes == UInt64(makeLetter(5, text: "longer").bytes))
    }

    @Test func aDamagedLetterIsNamedByVerifyAndDoesNotHideTheOthers() throws {
        let marked = [UInt8](repeating: 0xC7, count: 200)
        do {
            let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
            try ledger.commit { batch throws(LedgerError) in
                try batch.setDeadLetter(makeLetter(5), tenant: 1)
                try batch.setDeadLetter(makeLetter(6, original: marked), tenant: 1)
                try batch.setDeadLetter(makeLetter(7), tenant: 1)
            }
        }
        try edit(directory.dataFile) { bytes in
            for offset in bytes.offsets(of: marked) { bytes[offset + 60] ^= 4 }
        }
        let ledger = try Ledger(directory: directory.ledger, options: smallOptions())
        let reader = try ledger.makeReader()
        try reader.renew()
        var found: [UInt64] = []
        try reader.forEachDeadLetter(tenant: 1) { letter in
            found.append(letter.sequence)
            return true
        }
        #expect(found == [5, 7])
        let name = "dead letter of sequence 6 of tenant 1"
        #expect(
            failure { () throws(LedgerError) in
                _ = try reader.deadLetter(tenant: 1, id: makeLetter(6).id)
            } == .corrupt(name))
        #expect(try ledger.verify().problems == ["\(name) is damaged"])
    }
}
