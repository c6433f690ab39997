/// One label of a sample. Values must come from a bounded set: a channel, a source, a reason, never a sku.
public struct MetricLabel: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A distribution, as counted: `counts[i]` values were at most `bounds[i]` and above the bound before it.
public struct MetricHistogram: Sendable, Equatable {
    /// Upper bounds in the family's unit, ascending.
    public var bounds: [Double]
    /// One more than `bounds`: the last counts what is above every bound.
    public var counts: [UInt64]
    public var sum: Double

    public init(bounds: [Double], counts: [UInt64], sum: Double) {
        precondition(counts.count == bounds.count + 1)
        self.bounds = bounds
        self.counts = counts
        self.sum = sum
    }
}

public enum MetricValue: Sendable, Equatable {
    case whole(Int64)
    case count(UInt64)
    case real(Double)
    case histogram(MetricHistogram)
}

/// All samples of one metric name.
public struct MetricFamily: Sendable, Equatable {
    public enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    public struct Sample: Sendable, Equatable {
        public var labels: [MetricLabel]
        public var value: MetricValue

        public init(_ labels: [MetricLabel], _ value: MetricValue) {
            self.labels = labels
            self.value = value
        }
    }

    /// In base units, counters ending in `_total`.
    public var name: String
    public var help: String
    public var kind: Kind
    public var samples: [Sample]

    public init(_ name: String, help: String, kind: Kind, samples: [Sample]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.samples = samples
    }

    /// A family of one sample without labels.
    public init(_ name: String, help: String, kind: Kind, value: MetricValue) {
        self.init(name, help: help, kind: kind, samples: [Sample([], value)])
    }
}
