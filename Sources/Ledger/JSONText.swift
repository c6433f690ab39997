internal import FoundationEssentials

/// Documents and audit entries as JSON. Off the hot path; the only place where the ledger uses Foundation.
enum JSONText {
    static func encode<Value: Encodable>(_ value: Value) throws(LedgerError) -> [UInt8] {
        let encoder = JSONEncoder()
        // One value has one text, whatever the order of a dictionary.
        encoder.outputFormatting = .sortedKeys
        do {
            return [UInt8](try encoder.encode(value))
        } catch {
            throw .unreadableDocument("\(Value.self): \(error)")
        }
    }

    static func decode<Value: Decodable>(
        _ type: Value.Type, from bytes: UnsafeRawBufferPointer
    ) throws(LedgerError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: unsafe Data(bytes))
        } catch {
            throw .unreadableDocument("\(type): \(error)")
        }
    }
}
