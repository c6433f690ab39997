import Engine
import Erp
import Foundation
import Synchronization

@testable import Tryton

/// For all tests of this module.
let alarm = AlarmClock()

/// Answers requests from a function, and remembers which methods were called.
final class ScriptedTransport: TrytonTransport {
    typealias Script = @Sendable (_ method: String, _ params: [TrytonValue]) throws(TrytonProblem) -> TrytonResponse

    private let script: Script
    private let called = Mutex<[String]>([])

    init(_ script: @escaping Script) { self.script = script }

    var methods: [String] { called.withLock { $0 } }

    func post(
        _ body: [UInt8], to url: String, authorization: String?, deadline: ContinuousClock.Instant
    ) async throws(TrytonProblem) -> TrytonResponse {
        let message = (try? JSONDecoder().decode(TrytonValue.self, from: Data(body))) ?? .null
        let method = message["method"].text ?? ""
        called.withLock { $0.append(method) }
        return try script(method, message["params"].list)
    }

    func shutDown() async {}
}

extension TrytonResponse {
    static func result(_ value: TrytonValue) -> TrytonResponse {
        let body = (try? JSONEncoder().encode(["id": TrytonValue.integer(1), "result": value])) ?? Data()
        return TrytonResponse(status: 200, body: Array(body))
    }

    init(status: Int = 200, text: String) { self.init(status: status, body: Array(text.utf8)) }
}

/// A Tryton of one company, one warehouse and one product, whose methods on shipments are the test's.
func scriptedAdapter(_ script: @escaping ScriptedTransport.Script) -> (TrytonAdapter, ScriptedTransport) {
    let transport = ScriptedTransport { method, params throws(TrytonProblem) in
        switch method {
        case "common.db.login": .result([7, "token", nil])
        case "model.res.user.get_preferences": .result(["company": 1])
        case "model.company.company.read": .result([["id": 1, "currency": 3, "party.": ["name": "Distributor"]]])
        case "model.party.party.search_read": .result([["id": 2, "addresses": [4], "customer_location": 5]])
        case "model.stock.location.search_read":
            .result([["id": 10, "type": "warehouse", "storage_location": 11, "output_location": 12]])
        case "model.product.product.search_read": .result([["id": 20, "code": "A", "default_uom": 21]])
        default: try script(method, params)
        }
    }
    return (TrytonAdapter(scriptedSettings, transport: transport, alarm: alarm), transport)
}

let scriptedSettings = TrytonSettings(
    url: "http://127.0.0.1:1", database: "tryton", user: "availability",
    password: .environment("PATH"), company: "Distributor", customer: "RESERVATIONS", warehouses: ["WH1": "WH1"])

func hold(_ id: String, _ quantities: [Int64] = [5], sku: String = "A", reference: String = "") -> ErpHold {
    let lines = quantities.enumerated().map { index, quantity in
        ErpHoldLine(lineID: UInt32(index + 1), sku: sku, location: "WH1", quantity: quantity)
    }
    return ErpHold(
        reservationID: id, channel: "web", customer: "", orderReference: "", allowsPartial: false, lines: lines,
        erpReference: reference)
}

var soon: ContinuousClock.Instant { .now + .seconds(5) }
