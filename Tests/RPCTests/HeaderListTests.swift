import Calls
import Testing

@testable import RPC

struct HeaderListTests {
    @Test func statusIsSpelledAsGRPCWants() {
        let status = CallStatus(.notFound, "kein Stück", details: [1, 2, 3, 4], retryPushbackMilliseconds: 20)
        #expect(
            fields(status, byteCountMax: 8_192) == [
                "grpc-status": "5", "grpc-retry-pushback-ms": "20", "grpc-message": "kein St%C3%BCck",
                "grpc-status-details-bin": "AQIDBA",
            ])
    }

    @Test func successSaysNothingMore() {
        #expect(fields(.ok, byteCountMax: 8_192) == ["grpc-status": "0"])
    }

    @Test(arguments: [512, 1_000, 8_192])
    func trailersNeverExceedTheirBound(byteCountMax: Int) {
        for messageCount in [0, 10, 300, 9_000] {
            for detailCount in [0, 10, 300, 9_000] {
                var list = HeaderList()
                let status = CallStatus(
                    .internalError, String(repeating: "ä", count: messageCount),
                    details: [UInt8](repeating: 7, count: detailCount), retryPushbackMilliseconds: .max)
                list.add(status, byteCountMax: byteCountMax)
                #expect(list.byteCount <= byteCountMax)
            }
        }
    }

    private func fields(_ status: CallStatus, byteCountMax: Int) -> [String: String] {
        var list = HeaderList()
        list.add(status, byteCountMax: byteCountMax)
        return Dictionary(
            uniqueKeysWithValues: list.fields.map { ("\($0.name)", String(decoding: $0.value, as: UTF8.self)) })
    }
}
