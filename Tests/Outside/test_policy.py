"""PolicyService, and what each term of a policy does to an answer."""
import grpc
import pytest
from google.rpc import error_details_pb2

from availability.v1 import availability_service_pb2, operations_service_pb2, policy_pb2, policy_service_pb2

from support import PATIENCE
from support.api import (
    CHANNELS, FRESH, HOUR, IN_STOCK, MINUTE, OUT_OF_STOCK, STALE, WITHHELD, Api, duration, failure_of, new_name, now,
    snapshot)

SERVE, BUFFER, WITHHOLD, REFUSE, ASK_ERP = (
    policy_pb2.STALE_ACTION_SERVE, policy_pb2.STALE_ACTION_BUFFER, policy_pb2.STALE_ACTION_WITHHOLD,
    policy_pb2.STALE_ACTION_REFUSE, policy_pb2.STALE_ACTION_ASK_ERP)


def policy(**terms):
    return policy_pb2.ChannelPolicy(**{"sourcing": ["WH1"], "split_allowed": True, **terms})


# Listing, reading, changing.

def test_channels_of_the_sample_are_listed_by_id(api):
    response = api.policy.ListChannels(policy_service_pb2.ListChannelsRequest(page_size=1_000), timeout=PATIENCE)
    ids = [channel.id for channel in response.channels]
    assert set(CHANNELS) <= set(ids) and ids == sorted(ids)
    for channel in response.channels:
        assert channel.etag and channel.policy_version >= 1 and channel.policy.sourcing
        assert channel == api.channel(channel.id)


def test_channels_are_listed_page_by_page(api):
    ids, token = [], ""
    while True:
        request = policy_service_pb2.ListChannelsRequest(page_size=1, page_token=token)
        response = api.policy.ListChannels(request, timeout=PATIENCE)
        assert len(response.channels) <= 1
        ids += [channel.id for channel in response.channels]
        token = response.next_page_token
        if not token:
            break
    assert ids == sorted(set(ids)) and set(CHANNELS) <= set(ids)


def test_unknown_channel_is_not_found(api):
    failure = failure_of(api.channel, "nobody")
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "CHANNEL_NOT_FOUND")
    failure = failure_of(api.update_channel, "nobody", policy())
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "CHANNEL_NOT_FOUND")


def test_update_is_one_new_version_that_answers_name_at_once(server, api):
    id, sku, reader = api.new_channel(), new_name(), Api(server.channel())
    api.apply(snapshot(sku, on_hand=100))
    for step in range(1, 11):
        before = api.channel(id)
        changed = api.update_channel(id, policy(cap=step), reason="a test")
        assert changed.policy_version == before.policy_version + 1
        assert changed.etag != before.etag
        assert changed == api.channel(id)
        answer = reader.check(id, sku)
        assert (answer.policy_version, answer.lines[0].available) == (changed.policy_version, step)


def test_update_with_the_etag_read_is_taken_and_with_an_older_one_aborted(api):
    id = api.new_channel()
    etag = api.channel(id).etag
    changed = api.update_channel(id, policy(cap=1), etag=etag)
    failure = failure_of(api.update_channel, id, policy(cap=2), etag=etag)
    assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert api.channel(id) == changed


def test_etag_inside_the_channel_counts_as_well(api):
    id = api.new_channel()
    old = api.channel(id)
    api.update_channel(id, policy(cap=1))
    old.policy.cap = 3
    failure = failure_of(api.policy.UpdateChannel, policy_service_pb2.UpdateChannelRequest(channel=old),
                         timeout=PATIENCE)
    assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")


def test_validate_only_changes_nothing(api):
    id, missing = api.new_channel(), new_name("ch")
    before = api.channel(id)
    assert api.update_channel(id, policy(cap=5), validate_only=True).policy.cap == 5
    assert api.channel(id) == before
    api.update_channel(missing, policy(), validate_only=True, allow_missing=True)
    assert failure_of(api.channel, missing).code == grpc.StatusCode.NOT_FOUND


def test_display_name_is_kept(api):
    id = new_name("ch")
    channel = policy_pb2.Channel(id=id, display_name="Shop in München", policy=policy())
    request = policy_service_pb2.UpdateChannelRequest(channel=channel, allow_missing=True)
    api.policy.UpdateChannel(request, timeout=PATIENCE)
    assert api.channel(id).display_name == "Shop in München"


@pytest.mark.parametrize("terms, field", [
    ({"share_percent": 101}, "policy.share_percent"),
    ({"buffer_percent": 101}, "policy.buffer_percent"),
    ({"buffer_units": -1}, "policy.buffer_units"),
    ({"cap": -1}, "policy.cap"),
    ({"floor": -1}, "policy.floor"),
    ({"safety_stock": -1}, "policy.safety_stock"),
    ({"sourcing": ["NOWHERE"]}, "policy.sourcing[0]"),
    ({"allowed_oversell": -1}, "policy.allowed_oversell"),
    ({"default_ttl": duration(0)}, "policy.default_ttl"),
    ({"default_ttl": duration(25 * HOUR)}, "policy.default_ttl"),
    ({"longest_ttl": duration(401 * 24 * HOUR)}, "policy.longest_ttl"),
    ({"customer_units_max": 0}, "policy.customer_units_max"),
    ({"customer_holds_max": 0}, "policy.customer_holds_max"),
    ({"write_mode": 9}, "policy.write_mode"),
    ({"erp_wait_max": duration(2 * MINUTE)}, "policy.erp_wait_max"),
    ({"degradation_buffer_units": -1}, "policy.degradation_buffer_units"),
    ({"degradation_buffer_percent": 101}, "policy.degradation_buffer_percent"),
    ({"throttle": policy_pb2.ThrottlePolicy(reservations_per_second=10 ** 9 + 1)},
     "policy.throttle.reservations_per_second"),
    ({"freshness": policy_pb2.FreshnessPolicy()}, "policy.freshness.stale_after"),
    ({"freshness": policy_pb2.FreshnessPolicy(stale_after=duration(0))}, "policy.freshness.stale_after"),
    ({"freshness": policy_pb2.FreshnessPolicy(stale_after=duration(HOUR), stale_action=BUFFER,
                                              stale_buffer_percent=101)}, "policy.freshness.stale_buffer_percent"),
    ({"freshness": policy_pb2.FreshnessPolicy(stale_after=duration(HOUR), stale_action=ASK_ERP)},
     "policy.freshness.stale_action"),
    ({"overrides": [policy_pb2.PolicyOverride(sku="a", terms=policy_pb2.PolicyTerms(share_percent=101))]},
     "policy.overrides[0].terms.share_percent"),
    ({"overrides": [policy_pb2.PolicyOverride(location="WH1", terms=policy_pb2.PolicyTerms(customer_units_max=1))]},
     "policy.overrides[0].terms.customer_units_max"),
    ({"overrides": [policy_pb2.PolicyOverride(location="NOWHERE", terms=policy_pb2.PolicyTerms(share_percent=1))]},
     "policy.overrides[0].location"),
])
def test_bad_policy_names_its_field_and_changes_nothing(api, terms, field):
    id = api.new_channel()
    before = api.channel(id)
    failure = failure_of(api.update_channel, id, policy(**terms))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert {name.removeprefix("channel.") for name in failure.fields} == {field}
    assert api.channel(id) == before


def test_changes_survive_a_restart(new_server):
    server = new_server().start()
    api, sku = Api(server.channel()), new_name()
    id = api.new_channel(cap=4)
    api.update_channel("web", policy(cap=3))
    api.apply(snapshot(sku, on_hand=100))
    before = [api.channel(name) for name in (id, "web")]
    server.restart()
    api = Api(server.channel())
    assert [api.channel(name) for name in (id, "web")] == before
    assert [api.available(name, sku) for name in (id, "web")] == [4, 3]


# What each term does: stock at WH1, policy, what may be sold and its status.

@pytest.mark.parametrize("stock, terms, available, status", [
    ({"on_hand": 100}, {}, 100, IN_STOCK),
    ({"on_hand": 100, "allocated": 30}, {}, 70, IN_STOCK),
    ({"on_hand": 100, "quarantined": 10, "damaged": 5}, {}, 85, IN_STOCK),
    ({"on_hand": 100, "reserved": 90, "releasing": 9}, {}, 100, IN_STOCK),
    ({"on_hand": 100, "incoming": 50, "backordered": 20}, {}, 100, IN_STOCK),
    ({"on_hand": 10, "allocated": 30}, {}, 0, OUT_OF_STOCK),
    ({"on_hand": 100}, {"share_percent": 40}, 40, IN_STOCK),
    ({"on_hand": 99}, {"share_percent": 50}, 49, IN_STOCK),
    ({"on_hand": 100}, {"share_percent": 0}, 0, WITHHELD),
    ({"on_hand": 100}, {"buffer_units": 7}, 93, IN_STOCK),
    ({"on_hand": 7}, {"buffer_units": 7}, 0, WITHHELD),
    ({"on_hand": 95}, {"buffer_percent": 10}, 85, IN_STOCK),
    ({"on_hand": 100}, {"share_percent": 50, "buffer_units": 10}, 50, IN_STOCK),
    ({"on_hand": 100}, {"share_percent": 95, "buffer_units": 10}, 90, IN_STOCK),
    ({"on_hand": 100}, {"cap": 30}, 30, IN_STOCK),
    ({"on_hand": 20}, {"cap": 30}, 20, IN_STOCK),
    ({"on_hand": 100}, {"cap": 0}, 0, WITHHELD),
    ({"on_hand": 100}, {"floor": 100}, 100, IN_STOCK),
    ({"on_hand": 99}, {"floor": 100}, 0, WITHHELD),
    ({"on_hand": 100}, {"floor": 60, "cap": 50}, 50, IN_STOCK),
    ({"on_hand": 100, "in_transit": 20}, {}, 100, IN_STOCK),
    ({"on_hand": 100, "in_transit": 20}, {"count_in_transit": True}, 120, IN_STOCK),
    ({"on_hand": 100, "safety_stock": 5}, {}, 95, IN_STOCK),
    ({"on_hand": 100, "safety_stock": 5}, {"safety_stock": 9}, 91, IN_STOCK),
    ({"on_hand": 100, "safety_stock": 9}, {"safety_stock": 5}, 91, IN_STOCK),
    ({"on_hand": 10}, {"allowed_oversell": 5}, 15, IN_STOCK),
    ({"on_hand": 0}, {"allowed_oversell": 5}, 5, IN_STOCK),
    ({"on_hand": -9}, {"allowed_oversell": 5}, 0, OUT_OF_STOCK),
    ({"on_hand": 10}, {"allowed_oversell": 10, "buffer_percent": 10}, 18, IN_STOCK),
    ({"on_hand": 10}, {"allowed_oversell": 10, "share_percent": 50}, 10, IN_STOCK),
    ({"on_hand": 10}, {"degradation_buffer_units": 5}, 10, IN_STOCK),
    ({"on_hand": 10 ** 12}, {"share_percent": 99}, 99 * 10 ** 10, IN_STOCK),
])
def test_term_of_the_policy_has_its_effect(api, stock, terms, available, status):
    sku = new_name()
    api.apply(snapshot(sku, **stock))
    line, = api.check(api.new_channel(**terms), sku).lines
    assert (line.available, line.status) == (available, status)


def test_share_buffer_and_clamp_are_per_location_and_floor_and_cap_over_the_sum(api):
    sku = new_name()
    api.apply(snapshot(sku, "WH1", on_hand=10), snapshot(sku, "WH2", on_hand=3), snapshot(sku, "WH3", on_hand=-50))
    sourcing = ["WH1", "WH2", "WH3"]
    table = [({}, 13), ({"share_percent": 50}, 5 + 1), ({"buffer_units": 4}, 6 + 0), ({"floor": 13}, 13),
             ({"floor": 14}, 0), ({"cap": 12}, 12)]
    for terms, available in table:
        assert api.available(api.new_channel(sourcing=sourcing, **terms), sku) == available, terms


def test_channel_without_sourcing_sells_nothing(api):
    sku = new_name()
    api.apply(snapshot(sku, on_hand=5))
    try:
        channel = api.new_channel(sourcing=[])
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    else:
        assert api.available(channel, sku) == 0


def test_most_specific_override_wins_term_by_term(api):
    prefix = new_name("PRE")
    sku, cousin, stranger = f"{prefix}-A", f"{prefix}-B", new_name()
    for name in (sku, cousin, stranger):
        api.apply(snapshot(name, "WH1", on_hand=100), snapshot(name, "WH2", on_hand=100))

    def override(share=None, buffer=None, **where):
        return policy_pb2.PolicyOverride(
            terms=policy_pb2.PolicyTerms(share_percent=share, buffer_units=buffer), **where)

    channel = api.new_channel(sourcing=["WH1", "WH2"], share_percent=90, overrides=[
        override(share=10, sku=sku), override(share=20, sku=sku, location="WH2"),
        override(share=30, sku_prefix=prefix), override(buffer=60, sku_prefix=prefix[:5]),
        override(share=40, location="WH2")])
    answers = {}
    for name in (sku, cousin, stranger):
        answers[name] = [line.available for line in api.check(channel, (name, "WH1"), (name, "WH2")).lines]
    assert answers == {sku: [10, 20], cousin: [30, 30], stranger: [90, 40]}


@pytest.mark.parametrize("action, percent, available, status", [
    (SERVE, 0, 100, IN_STOCK), (BUFFER, 20, 80, IN_STOCK), (BUFFER, 100, 0, WITHHELD), (WITHHOLD, 0, 0, WITHHELD)])
def test_stale_figure_is_treated_as_the_policy_says(api, action, percent, available, status):
    freshness = policy_pb2.FreshnessPolicy(
        stale_after=duration(HOUR), stale_action=action, stale_buffer_percent=percent)
    channel, old, fresh = api.new_channel(freshness=freshness), new_name(), new_name()
    api.apply(snapshot(old, at=now() - 2 * HOUR, source=new_name("src"), on_hand=100),
              snapshot(fresh, at=now() - 10 * MINUTE, source=new_name("src"), on_hand=100))
    old_line, fresh_line = api.check(channel, old, fresh).lines
    assert (old_line.available, old_line.status, old_line.freshness) == (available, status, STALE)
    assert (fresh_line.available, fresh_line.status, fresh_line.freshness) == (100, IN_STOCK, FRESH)
    assert 2 * 3_600_000 <= old_line.age_ms


def test_stale_location_alone_is_withheld(api):
    freshness = policy_pb2.FreshnessPolicy(stale_after=duration(HOUR), stale_action=WITHHOLD)
    channel, sku = api.new_channel(sourcing=["WH1", "WH2"], freshness=freshness), new_name()
    api.apply(snapshot(sku, "WH1", at=now() - 2 * HOUR, source=new_name("src"), on_hand=100),
              snapshot(sku, "WH2", on_hand=7))
    line, = api.check(channel, sku).lines
    assert (line.available, line.status) == (7, IN_STOCK)


def test_stale_figure_that_is_refused_fails_the_call_with_age_and_time_to_retry(api):
    freshness = policy_pb2.FreshnessPolicy(stale_after=duration(HOUR), stale_action=REFUSE)
    channel, sku = api.new_channel(freshness=freshness), new_name()
    api.apply(snapshot(sku, at=now() - 2 * HOUR, source=new_name("src"), on_hand=100))
    failure = failure_of(api.check, channel, sku)
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "STALE_DATA")
    assert failure.detail(error_details_pb2.RetryInfo) is not None
    metadata = failure.detail(error_details_pb2.ErrorInfo).metadata
    assert any("age" in key for key in metadata) and any("threshold" in key for key in metadata), metadata
    api.apply(snapshot(sku, on_hand=100))
    assert api.available(channel, sku) == 100


# What this version does not have says so.

@pytest.mark.parametrize("method, request_type", [
    ("SetAllocation", policy_service_pb2.SetAllocationRequest),
    ("TransferAllocation", policy_service_pb2.TransferAllocationRequest)])
def test_unbuilt_method_of_the_policy_service_says_so(api, method, request_type):
    assert_unimplemented(getattr(api.policy, method), request_type())


def test_unbuilt_methods_of_other_services_say_so(api):
    assert_unimplemented(api.operations.ListPositionHistory, operations_service_pb2.ListPositionHistoryRequest())


def assert_unimplemented(call, request):
    failure = failure_of(call, request, timeout=PATIENCE)
    assert failure.code == grpc.StatusCode.UNIMPLEMENTED
    assert failure.message


def test_terms_that_have_no_effect_here_are_refused_by_name(api):
    id = api.new_channel()
    terms = policy_pb2.PolicyTerms(cap=5, floor=1, split_allowed=True, sourcing=policy_pb2.SourcingOrder())
    failure = failure_of(api.update_channel, id, policy(overrides=[policy_pb2.PolicyOverride(sku="a", terms=terms)]))
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
    assert {field.removeprefix("channel.policy.overrides[0].terms.") for field in failure.fields} == {
        "cap", "floor", "split_allowed", "sourcing"}


def test_terms_of_holds_read_back_as_they_were_written(api):
    override = policy_pb2.PolicyOverride(sku="a", terms=policy_pb2.PolicyTerms(
        allowed_oversell=0, default_ttl=duration(MINUTE), longest_ttl=duration(HOUR), customer_units_max=1,
        write_mode=policy_pb2.WRITE_MODE_THROUGH, erp_wait_max=duration(0)))
    written = policy(
        allowed_oversell=5, default_ttl=duration(MINUTE), longest_ttl=duration(400 * 24 * HOUR), customer_units_max=7,
        customer_holds_max=3, write_mode=policy_pb2.WRITE_MODE_BEHIND, erp_wait_max=duration(MINUTE),
        degradation_buffer_percent=10, overrides=[override],
        throttle=policy_pb2.ThrottlePolicy(reservations_per_second=10, reservations_burst=20))
    read = api.update_channel(api.new_channel(), written).policy
    assert read == api.channel(api.new_channel(**fields_of(read))).policy
    for field, value in written.ListFields():
        assert getattr(read, field.name) == value, field.name


def test_absent_terms_of_holds_are_told_by_their_defaults(api):
    read = api.channel(api.new_channel()).policy
    assert (read.default_ttl, read.longest_ttl) == (duration(15 * MINUTE), duration(24 * HOUR))
    assert read.write_mode == policy_pb2.WRITE_MODE_THROUGH
    assert not read.HasField("customer_units_max") and not read.HasField("customer_holds_max")
    assert not read.HasField("erp_wait_max") and read.allowed_oversell == 0


def fields_of(message):
    return {field.name: value for field, value in message.ListFields()}
