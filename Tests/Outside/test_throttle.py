"""Throttling: a channel over its rate is told so and when to come back; no other channel notices."""
import concurrent.futures
import time

import grpc
from google.rpc import error_details_pb2

from availability.v1 import policy_pb2

from support.api import Api, failure_of, sample_skus

BURST = 1_000


def throttled_channel(api, rate, burst=BURST):
    return api.new_channel(
        throttle=policy_pb2.ThrottlePolicy(read_units_per_second=rate, read_units_burst=burst))


def exhausted_channel(api):
    """A channel whose burst is used up, and that earns one unit a second: 500 lines stay out of reach for minutes."""
    channel = throttled_channel(api, rate=1)
    api.check(channel, *sample_skus(BURST))
    return channel


def test_burst_is_admitted_at_once_and_the_next_call_is_told_when_to_retry(api):
    channel = exhausted_channel(api)
    failure = failure_of(api.check, channel, *sample_skus(500))
    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "CHANNEL_RATE_LIMITED")
    assert failure.detail(error_details_pb2.ErrorInfo).metadata["channel"] == channel

    violation, = failure.detail(error_details_pb2.QuotaFailure).violations
    assert channel in violation.subject and violation.description

    delay = failure.detail(error_details_pb2.RetryInfo).retry_delay
    milliseconds = delay.seconds * 1_000 + delay.nanos / 1_000_000
    assert 0 < milliseconds <= 500_000
    pushback = int(failure.trailers["grpc-retry-pushback-ms"])
    assert milliseconds <= pushback <= milliseconds + 1


def test_explanations_are_counted_as_well(api):
    channel = exhausted_channel(api)
    assert failure_of(api.explain, channel, *sample_skus(100)).code == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_throttled_channel_leaves_others_as_they_were(server, api):
    channel = exhausted_channel(api)
    other = throttled_channel(api, rate=1)
    for _ in range(20):
        assert failure_of(api.check, channel, *sample_skus(500)).code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert len(api.check("web", *sample_skus(500)).lines) == 500
    assert len(Api(server.channel()).check(other, *sample_skus(BURST)).lines) == BURST


def test_refused_calls_cost_nothing(api):
    channel = throttled_channel(api, rate=1)
    api.check(channel, *sample_skus(900))
    for _ in range(50):
        assert failure_of(api.check, channel, *sample_skus(500)).code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(api.check(channel, *sample_skus(100)).lines) == 100


def test_rate_without_a_burst_admits_one_seconds_worth(api):
    channel = throttled_channel(api, rate=5_000, burst=0)
    assert len(api.check(channel, *sample_skus(1_000)).lines) == 1_000


def test_channel_without_a_rate_is_not_throttled(api):
    channel = throttled_channel(api, rate=0, burst=0)
    for _ in range(20):
        assert len(api.check(channel, *sample_skus(1_000)).lines) == 1_000


def test_lifting_the_limit_takes_effect_at_once(api):
    channel = exhausted_channel(api)
    api.update_channel(channel, policy_pb2.ChannelPolicy(sourcing=["WH1"], split_allowed=True))
    assert len(api.check(channel, *sample_skus(1_000)).lines) == 1_000


def test_no_more_than_rate_by_time_and_burst_is_admitted_over_several_connections(server, api):
    rate, lines, callers = 500, 20, 4
    channel = throttled_channel(api, rate)
    skus = sample_skus(lines)
    begin = time.monotonic()

    def call_again_and_again(_):
        caller, admitted, refused = Api(server.channel()), 0, 0
        while refused < 500:
            try:
                caller.check(channel, *skus)
                admitted += lines
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
                refused += 1
        return admitted

    with concurrent.futures.ThreadPoolExecutor(callers) as pool:
        admitted = sum(pool.map(call_again_and_again, range(callers)))
    elapsed = time.monotonic() - begin
    assert BURST <= admitted <= rate * elapsed + BURST
