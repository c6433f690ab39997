internal import Feeds
internal import Operations

extension ServerMetrics {
    func publicationFamilies() -> [MetricFamily] {
        let conditions = publications.supervisor.conditions
        func family(
            _ name: String, _ help: String, _ kind: MetricFamily.Kind = .gauge,
            _ value: (PublicationCondition) -> MetricValue
        ) -> MetricFamily {
            MetricFamily(
                "availability_publication_\(name)", help: help, kind: kind,
                samples: conditions.map {
                    MetricFamily.Sample([MetricLabel("publication", $0.id)], value($0))
                })
        }
        let states = conditions.flatMap { condition in
            PublicationState.allCases.map { state in
                MetricFamily.Sample(
                    [MetricLabel("publication", condition.id), MetricLabel("state", state.name)],
                    .whole(condition.state == state ? 1 : 0))
            }
        }
        return [
            MetricFamily(
                "availability_publication_state", help: "1 for the state that the publication is in.", kind: .gauge,
                samples: states),
            family("told_total", "Messages that the receiver acknowledged.", .counter) { .count($0.told) },
            family("failed_total", "Attempts that failed.", .counter) { .count($0.failed) },
            family("given_up_total", "Messages kept as dead letters.", .counter) { .count($0.givenUp) },
            family("waiting", "Lines whose newest figure is not acknowledged.") { .whole(Int64($0.waiting)) },
            family("retrying", "Lines among them that were refused and are tried again.") {
                .whole(Int64($0.retrying))
            },
            family(
                "acknowledged_age_seconds",
                "How long the oldest figure has waited to be acknowledged, or nothing has been told; 0: none waits."
            ) { .real(Double($0.ageNanoseconds) / 1e9) },
        ]
    }
}
