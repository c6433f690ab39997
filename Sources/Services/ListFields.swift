internal import Calls
internal import Inventory
internal import SwiftProtobuf

/// The fields that many lists have, read as all of them read them.
enum ListFields {
    /// Entries of a page.
    static func pageSize(_ size: Int32) throws(CallStatus) -> Int {
        guard (0...1_000).contains(size) else { throw .invalidField("page_size", "must be 0 to 1000, is \(size)") }
        return size == 0 ? 100 : Int(size)
    }

    /// The number in a token that `token(_:)` made; nil: the first page is asked for.
    static func number(inToken token: String, ofList method: String) throws(CallStatus) -> UInt64? {
        if token.isEmpty { return nil }
        guard let number = UInt64(token, radix: 32) else { throw invalidToken(ofList: method) }
        return number
    }

    static func token(_ number: UInt64) -> String { String(number, radix: 32) }

    static func invalidToken(ofList method: String) -> CallStatus {
        .invalidField("page_token", "is not a token of \(method)")
    }

    /// A time that may be absent.
    static func time(
        _ isThere: Bool, _ stamp: Google_Protobuf_Timestamp, _ field: String
    ) throws(CallStatus) -> WallNanoseconds? {
        guard isThere else { return nil }
        guard let nanoseconds = stamp.wallNanoseconds else {
            throw .invalidField(field, "must be a time between the years 1970 and 2262")
        }
        return nanoseconds
    }

    /// Texts that may be empty.
    static func check(_ texts: [(field: String, text: String, bytesMax: Int)]) throws(CallStatus) {
        for (field, text, bytesMax) in texts {
            if let problem = TextRules.problemUnlessEmpty(text, bytesMax: bytesMax) {
                throw .invalidField(field, problem)
            }
        }
    }
}
