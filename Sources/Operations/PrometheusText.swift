/// Writes metric families in the Prometheus text exposition format 0.0.4.
///
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
public struct PrometheusText {
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// What was written so far.
    public private(set) var text = ""

    public init() {}

    public static func text(of families: [MetricFamily]) -> String {
        var writer = PrometheusText()
        for family in families { writer.write(family) }
        return writer.text
    }

    public mutating func write(_ family: MetricFamily) {
        text += "# HELP \(family.name) \(Self.escaped(family.help, quoted: false))\n"
        text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
        for sample in family.samples {
            switch sample.value {
            case .whole(let value): write(family.name, sample.labels, "\(value)")
            case .count(let value): write(family.name, sample.labels, "\(value)")
            case .real(let value): write(family.name, sample.labels, Self.number(value))
            case .histogram(let histogram): write(family.name, sample.labels, histogram)
            }
        }
    }

    private mutating func write(_ name: String, _ labels: [MetricLabel], _ histogram: MetricHistogram) {
        var cumulative: UInt64 = 0
        for (index, count) in histogram.counts.enumerated() {
            cumulative += count
            let bound = index < histogram.bounds.count ? Self.number(histogram.bounds[index]) : "+Inf"
            write(name + "_bucket", labels + [MetricLabel("le", bound)], "\(cumulative)")
        }
        write(name + "_sum", labels, Self.number(histogram.sum))
        write(name + "_count", labels, "\(cumulative)")
    }

    private mutating func write(_ name: String, _ labels: [MetricLabel], _ value: String) {
        text += name
        if !labels.isEmpty {
            text += "{"
            for (index, label) in labels.enumerated() {
                if index > 0 { text += "," }
                text += "\(label.name)=\"\(Self.escaped(label.value, quoted: true))\""
            }
            text += "}"
        }
        text += " \(value)\n"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return "\(whole)" }
        return "\(value)"
    }

    private static func escaped(_ text: String, quoted: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quoted: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
