import CNGHTTP2
import Calls

/// Header fields of replies off the usual path: nghttp2 copies their values.
struct HeaderList {
    private(set) var fields: [(name: StaticString, value: [UInt8])] = []

    /// As RFC 9113 6.5.2 counts.
    private(set) var byteCount = 0

    mutating func add(_ name: StaticString, _ value: [UInt8]) {
        fields.append((name, value))
        byteCount += name.utf8CodeUnitCount + value.count + 32
    }

    mutating func add(_ name: StaticString, _ value: StaticString) {
        add(name, value.withUTF8Buffer { unsafe Array($0) })
    }

    /// Adds `grpc-status` and what else a status says, within `byteCountMax` for the whole list: the details are left
    /// out when they do not fit, and the message is cut.
    mutating func add(_ status: CallStatus, byteCountMax: Int) {
        add("grpc-status", Array(String(status.code.rawValue).utf8))
        if let pushback = status.retryPushbackMilliseconds {
            add("grpc-retry-pushback-ms", Array(String(pushback).utf8))
        }
        if !status.message.isEmpty {
            // The message leaves half of what there is to the details.
            let room = status.details.isEmpty ? byteCountMax - byteCount : (byteCountMax - byteCount) / 2
            let message = PercentEncoding.encode(status.message, limit: max(0, room - 44))
            add("grpc-message", message)
        }
        let detailCount = Base64.encodedCount(status.details.count)
        if !status.details.isEmpty, byteCount + 23 + 32 + detailCount <= byteCountMax {
            add("grpc-status-details-bin", Base64.encode(status.details))
        }
    }

    /// Lends the fields as nghttp2 wants them.
    func withFields(_ body: (UnsafePointer<nghttp2_nv>, Int) -> Int32) -> Int32 {
        var bytes: [UInt8] = []
        for field in fields { bytes += field.value }
        return unsafe bytes.withUnsafeBytes { bytes in
            var offset = 0
            let list = unsafe fields.map { field in
                defer { offset += field.value.count }
                let value = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + field.value.count])
                return unsafe ReplyHeaders.field(field.name, value, flags: 0)
            }
            return unsafe list.withUnsafeBufferPointer { unsafe body($0.baseAddress!, $0.count) }
        }
    }
}
