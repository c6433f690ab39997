internal import Feeds
internal import Operations

extension ServerMetrics {
    func feedFamilies() -> [MetricFamily] {
        let conditions = feeds.supervisor.conditions
        func family(
            _ name: String, _ help: String, _ kind: MetricFamily.Kind = .gauge, _ value: (FeedCondition) -> MetricValue?
        ) -> MetricFamily {
            MetricFamily(
                "availability_feed_\(name)", help: help, kind: kind,
                samples: conditions.compactMap { condition in
                    value(condition).map { MetricFamily.Sample([MetricLabel("feed", condition.id)], $0) }
                })
        }
        let states = conditions.flatMap { condition in
            FeedState.allCases.map { state in
                MetricFamily.Sample(
                    [MetricLabel("feed", condition.id), MetricLabel("state", state.name)],
                    .whole(condition.state == state ? 1 : 0))
            }
        }
        return [
            MetricFamily(
                "availability_feed_state", help: "1 for the state that the feed is in.", kind: .gauge, samples: states),
            family("lag_seconds", "How far behind the feed is, where it knows.") { condition in
                condition.lagNanoseconds.map { .real(Double($0) / 1e9) }
            },
            family("waiting", "What waits where the feed reads, as far as it knows.") { .count($0.waiting) },
            family("restarts_total", "How often the feed began anew after a failure.", .counter) {
                .count($0.restarts)
            },
            family("errors_total", "The feed's failures, and its batches that were not taken.", .counter) {
                .count($0.errors)
            },
            MetricFamily(
                "availability_feed_ignored_total", help: "Webhooks of topics that say nothing of stock.",
                kind: .counter,
                samples: feeds.ignoredDeliveries.map {
                    MetricFamily.Sample([MetricLabel("feed", $0.feed)], .count($0.count))
                }),
        ]
    }
}
