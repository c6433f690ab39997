import Proto
import SwiftProtobuf

/// Random wire bytes of CheckAvailability, well-formed but as odd as protobuf allows.
enum RequestBytes {
    /// A request: fields in any order and number, lines between them, sub-messages in parts, unknown fields of every
    /// wire type, known fields with the wrong one.
    static func random(using random: inout SeededGenerator) -> [UInt8] {
        var message: [UInt8] = []
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            switch Int.random(in: 0..<8, using: &random) {
            case 0: message += lengthDelimited(1, Array(text(using: &random).utf8))
            case 1: message += lengthDelimited(4, Array(text(using: &random).utf8))
            case 2: message += lengthDelimited(3, duration(using: &random))
            case 3: message += unknown(depth: 0, using: &random)
            default: message += lengthDelimited(2, line(using: &random))
            }
        }
        return message
    }

    static func randomResponse(using random: inout SeededGenerator) -> Availability_V1_CheckAvailabilityResponse {
        .with {
            $0.policyVersion = UInt64(bitPattern: number(using: &random))
            $0.sequence = UInt64(bitPattern: number(using: &random))
            $0.epoch = UInt64(bitPattern: number(using: &random))
            for _ in 0..<Int.random(in: 0...20, using: &random) {
                $0.lines.append(
                    .with {
                        // The service has checked them before it answers.
                        $0.sku = text(bytesMax: 64, using: &random)
                        $0.location = text(bytesMax: 32, using: &random)
                        $0.available = number(using: &random)
                        $0.status = Availability_V1_AvailabilityStatus.allCases.randomElement(using: &random)!
                        $0.freshness = Availability_V1_Freshness.allCases.randomElement(using: &random)!
                        $0.ageMs = number(using: &random)
                    })
            }
        }
    }

    static func varint(_ value: UInt64) -> [UInt8] {
        var value = value
        var bytes: [UInt8] = []
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        return bytes + [UInt8(value)]
    }

    static func lengthDelimited(_ field: UInt64, _ bytes: [UInt8]) -> [UInt8] {
        varint(field << 3 | 2) + varint(UInt64(bytes.count)) + bytes
    }

    /// Text of one to four bytes a scalar, often ASCII only, sometimes longer than a sku may be.
    private static func text(bytesMax: Int, using random: inout SeededGenerator) -> String {
        var text = text(using: &random)
        while text.utf8.count > bytesMax { text.unicodeScalars.removeLast() }
        return text
    }

    static func text(using random: inout SeededGenerator) -> String {
        let scalars: [ClosedRange<UInt32>] = [0x20...0x7e, 0...0x7f, 0x80...0x7ff, 0x800...0xd7ff, 0xe000...0x10ffff]
        let kinds = Bool.random(using: &random) ? 1 : scalars.count
        let count = Int.random(in: 0..<10, using: &random) == 0 ? 200 : 20
        var text = ""
        for _ in 0..<Int.random(in: 0...count, using: &random) {
            let range = scalars[Int.random(in: 0..<kinds, using: &random)]
            text.unicodeScalars.append(Unicode.Scalar(UInt32.random(in: range, using: &random))!)
        }
        return text
    }

    /// Any magnitude and sign, 0 among them.
    private static func number(using random: inout SeededGenerator) -> Int64 {
        let magnitude = Int64.random(in: 0 ... .max, using: &random) >> Int64.random(in: 0...63, using: &random)
        return Bool.random(using: &random) ? magnitude : -magnitude
    }

    private static func line(using random: inout SeededGenerator) -> [UInt8] {
        var line: [UInt8] = []
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            switch Int.random(in: 0..<7, using: &random) {
            case 0, 1: line += lengthDelimited(1, Array(text(using: &random).utf8))
            case 2, 3: line += lengthDelimited(2, Array(text(using: &random).utf8))
            case 4, 5: line += varint(3 << 3) + varint(UInt64(bitPattern: number(using: &random)))
            default: line += unknown(depth: 0, using: &random)
            }
        }
        return line
    }

    private static func duration(using random: inout SeededGenerator) -> [UInt8] {
        var duration: [UInt8] = []
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1: duration += varint(1 << 3) + varint(UInt64(bitPattern: number(using: &random)))
            case 2: duration += varint(1 << 3) + varint(UInt64.random(in: 0...10_000_000_000, using: &random))
            case 3: duration += varint(2 << 3) + varint(UInt64.random(in: 0...1_100_000_000, using: &random))
            default: duration += unknown(depth: 0, using: &random)
            }
        }
        return duration
    }

    /// A field that the message does not know, by number or by wire type.
    private static func unknown(depth: Int, using random: inout SeededGenerator) -> [UInt8] {
        let numbers: [UInt64] = [1, 2, 3, 4, 5, 15, 16, 2_047, 2_048, 536_870_911]
        let field = numbers.randomElement(using: &random)!
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return varint(field << 3) + varint(UInt64(bitPattern: number(using: &random)))
        case 1: return varint(field << 3 | 1) + [UInt8](repeating: 7, count: 8)
        case 2: return lengthDelimited(field + 4, Array(text(using: &random).utf8))
        case 3: return varint(field << 3 | 5) + [UInt8](repeating: 9, count: 4)
        default:
            var group = varint(field << 3 | 3)
            for _ in 0..<Int.random(in: 0...2, using: &random) where depth < 5 {
                group += unknown(depth: depth + 1, using: &random)
            }
            return group + varint(field << 3 | 4)
        }
    }
}
