"""ExplainAvailability: the same answer with every term that led to it."""
import random

import grpc

from availability.v1 import policy_pb2

from support.api import (
    CHANNELS, HOUR, LOCATIONS, MINUTE, UNKNOWN_SKU, duration, failure_of, new_name, now, sample_skus, snapshot,
    term_name)

STATES_ONLY = {"SELLABLE", "LOCATION_AVAILABLE", "SUM", "AVAILABLE"}


def assert_explained(line):
    """The terms add up, and the last one is the answer."""
    assert line.terms, line
    assert line.terms[-1].result == line.available, line
    location, running = None, 0
    for term in line.terms:
        assert term_name(term.kind) != "UNSPECIFIED"
        if term.location != location:
            location, running = term.location, 0
        if term_name(term.kind) in STATES_ONLY:
            assert term.amount == 0, term
        else:
            assert term.result == running + term.amount, line
        running = term.result
    contributions = [term.result for term in line.terms if term_name(term.kind) == "LOCATION_AVAILABLE"]
    sums = [term.result for term in line.terms if term_name(term.kind) == "SUM"]
    assert sums in ([], [sum(contributions)]), line


def same_figures(explained, checked):
    keys = ("sku", "location", "available", "status", "freshness")
    return all(getattr(explained, key) == getattr(checked, key) for key in keys)


def compare(api, channel, wanted):
    """Both methods tell the same; nobody writes meanwhile, so both answer at one sequence."""
    explained, checked = api.explain(channel, *wanted), api.check(channel, *wanted)
    assert (explained.sequence, explained.epoch) == (checked.sequence, checked.epoch)
    assert explained.policy_version == checked.policy_version
    assert explained.channel == channel
    for explained_line, checked_line in zip(explained.lines, checked.lines, strict=True):
        assert same_figures(explained_line, checked_line), (explained_line, checked_line)
        assert_explained(explained_line)


def test_explanation_equals_the_answer_for_random_skus_of_the_sample(api, seed):
    choose = random.Random(seed)
    for channel in CHANNELS:
        for _ in range(4):
            wanted = [(f"SKU-{choose.randint(1, 1_000):06}", choose.choice(["", "", "EAST", *LOCATIONS]),
                       choose.choice([None, 1, 20, 500])) for _ in range(50)]
            compare(api, channel, wanted)


def test_explanation_equals_the_answer_for_random_stock_and_random_policies(api, seed):
    choose = random.Random(seed)
    buckets = ["on_hand", "allocated", "quarantined", "damaged", "in_transit", "safety_stock"]
    skus = [new_name() for _ in range(25)]
    for sku in skus:
        for location in choose.sample(LOCATIONS, choose.randint(1, 6)):
            figures = {bucket: choose.randint(-5, 40) for bucket in choose.sample(buckets, choose.randint(0, 5))}
            figures["on_hand"] = choose.randint(0, 300)
            age, source = choose.choice([(0, "tests"), (10 * MINUTE, new_name("src")), (2 * HOUR, new_name("src"))])
            api.apply(snapshot(sku, location, at=now() - age, source=source, **figures))
    for _ in range(12):
        compare(api, api.new_channel(**random_policy(choose)), choose.choices(skus, k=40))


def random_policy(choose):
    policy = {
        "sourcing": choose.sample(LOCATIONS, choose.randint(1, 6)),
        "share_percent": choose.randint(0, 100),
        "floor": choose.choice([0, 0, 50]),
        "count_in_transit": choose.random() < 0.5,
        "split_allowed": choose.random() < 0.5,
        choose.choice(["buffer_units", "buffer_percent"]): choose.randint(0, 30),
        "freshness": policy_pb2.FreshnessPolicy(
            stale_after=duration(choose.choice([5 * MINUTE, HOUR])),
            stale_action=choose.choice([policy_pb2.STALE_ACTION_SERVE, policy_pb2.STALE_ACTION_WITHHOLD,
                                        policy_pb2.STALE_ACTION_BUFFER]))}
    if policy["freshness"].stale_action == policy_pb2.STALE_ACTION_BUFFER:
        policy["freshness"].stale_buffer_percent = choose.randint(0, 100)
    if choose.random() < 0.5:
        policy["cap"] = choose.randint(0, 400)
    if choose.random() < 0.5:
        policy["safety_stock"] = choose.randint(0, 20)
    return policy


def test_every_step_of_the_policy_is_a_term(api):
    sku = new_name()
    channel = api.new_channel(share_percent=50, buffer_units=3, cap=20, count_in_transit=True)
    api.apply(snapshot(sku, on_hand=100, allocated=10, quarantined=5, damaged=4, in_transit=6, safety_stock=1))
    line, = api.explain(channel, sku).lines
    amounts = {term_name(term.kind): term.amount for term in line.terms}
    expected = {"ON_HAND": 100, "ALLOCATED": -10, "QUARANTINED": -5, "DAMAGED": -4, "SAFETY_STOCK": -1,
                "IN_TRANSIT": 6, "BUFFER": -3}
    assert {kind: amounts.get(kind) for kind in expected} == expected
    assert line.available == 20
    assert_explained(line)


def test_terms_name_where_the_figure_came_from(api):
    sku = new_name()
    api.apply(snapshot(sku, "WH1", source="counter", on_hand=50))
    line, = api.explain(api.new_channel(), sku).lines
    first = next(term for term in line.terms if term_name(term.kind) == "ON_HAND")
    assert (first.location, first.source) == ("WH1", "counter")
    assert first.HasField("age_ms") and first.HasField("sequence")
    assert all(term.note for term in line.terms)


def test_unknown_sku_and_forbidden_location_are_explained_too(api):
    known = new_name()
    api.apply(snapshot(known, "WH2", on_hand=5))
    unknown, forbidden = api.explain(api.new_channel(), new_name(), (known, "WH2")).lines
    assert unknown.status == UNKNOWN_SKU and unknown.available == 0
    assert forbidden.available == 0
    assert "NOT_ELIGIBLE" in [term_name(term.kind) for term in forbidden.terms]
    assert_explained(forbidden)


def test_a_hundred_lines_are_explained_and_one_more_is_refused(api):
    skus = sample_skus(101)
    assert len(api.explain("web", *skus[:100]).lines) == 100
    failure = failure_of(api.explain, "web", *skus)
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["lines"])
