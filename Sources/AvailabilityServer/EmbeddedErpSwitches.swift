internal import Erp
internal import Operations

/// The switches of an embedded ERP on the operations port, for development and tests:
///
///     GET  /erps/embedded
///     POST /erps/embedded?latency_ms=200&refuse_percent=10&down=false&lose_answer_percent=5
///
/// What is not named stays as it is. `stock=SKU@LOCATION=UNITS` sets the book's own stock of a sku; without units the
/// accepted events count again.
struct EmbeddedErpSwitches: Sendable {
    let hosting: ErpHosting

    /// Nil when no embedded ERP is called so.
    @Sendable func answer(_ erp: String, _ parameters: [(name: String, value: String)]) -> SwitchAnswer? {
        guard let embedded = hosting.embeddedErp(erp) else { return nil }
        var switches = embedded.switches
        for (name, value) in parameters {
            guard set(name, value, &switches, embedded) else { return .refused("\(name): cannot be \(value)\n") }
        }
        embedded.switches = switches
        hosting.notify()
        return .shown(
            """
            latency_ms \(switches.latencyNanoseconds / 1_000_000)
            refuse_percent \(switches.refusePercent)
            down \(switches.isDown)
            lose_answer_percent \(switches.loseAnswerPercent)

            """)
    }

    private func set(
        _ name: String, _ value: String, _ switches: inout EmbeddedErp.Switches, _ embedded: EmbeddedErp
    ) -> Bool {
        let number = Int64(value)
        switch name {
        case "latency_ms":
            guard let number, (0...3_600_000).contains(number) else { return false }
            switches.latencyNanoseconds = number * 1_000_000
        case "refuse_percent":
            guard let number, (0...100).contains(number) else { return false }
            switches.refusePercent = Int(number)
        case "lose_answer_percent":
            guard let number, (0...100).contains(number) else { return false }
            switches.loseAnswerPercent = Int(number)
        case "down":
            guard let isDown = Bool(value) else { return false }
            switches.isDown = isDown
        case "stock":
            let parts = value.split(separator: "=", omittingEmptySubsequences: false)
            let place = parts[0].split(separator: "@", omittingEmptySubsequences: false)
            guard place.count == 2, parts.count <= 2 else { return false }
            let units = parts.count == 2 ? Int64(parts[1]) : nil
            if parts.count == 2 && units == nil { return false }
            embedded.setStock(units, sku: String(place[0]), location: String(place[1]))
        default: return false
        }
        return true
    }
}
