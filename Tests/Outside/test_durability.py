"""Events in any order give one state, and what was acknowledged is there after every kind of end."""
import concurrent.futures
import random
import threading

import grpc
import pytest

from support.api import (
    APPLIED, DEAD_LETTERED, DUPLICATE, HOUR, SECOND, Api, adjustment, event, new_name, now, sample_skus, snapshot)
from support.server import eventually

FIGURES = ["on_hand", "allocated", "quarantined", "damaged", "in_transit", "safety_stock"]


def story(choose, time, length):
    """What happened to one sku, as functions of a run's name: the same ids in the same order in every run."""
    steps = []
    for number in range(length):
        at = time + choose.randint(0, length) * SECOND
        kind = choose.choice(["snapshot", "count", "adjustment", "adjustment", "receipt"])
        fields = {"at": at, "id": f"{number:03}", "source": f"story-{choose.randint(1, 2)}"}
        if kind == "snapshot":
            fields["position"] = {name: choose.randint(0, 50) for name in choose.sample(FIGURES, choose.randint(1, 4))}
            steps.append(("POSITION_SNAPSHOT", fields))
        elif kind == "adjustment":
            steps.append(("ADJUSTMENT", {**fields, "quantity": choose.randint(-9, 9) or 1, "reason": "COUNTED"}))
        else:
            name = {"count": "CYCLE_COUNT", "receipt": "RECEIPT_POSTED"}[kind]
            steps.append((name, {**fields, "quantity": choose.randint(1, 30)}))
    return steps


def told(steps, sku):
    """The story of a sku as events; their ids begin with the sku, so that every telling is one of its own."""
    return [event(kind, sku, **{**fields, "id": f"{sku}-{fields['id']}"}) for kind, fields in steps]


def expected(steps):
    """The buckets by the rule: in order of time, absolute after relative, then source, then id."""
    def order(step):
        kind, fields = step
        return fields["at"], kind in ("POSITION_SNAPSHOT", "CYCLE_COUNT"), fields["source"], fields["id"]

    buckets = dict.fromkeys(FIGURES, 0)
    for kind, fields in sorted(steps, key=order):
        if kind == "POSITION_SNAPSHOT":
            buckets.update(fields["position"])
        elif kind == "CYCLE_COUNT":
            buckets["on_hand"] = fields["quantity"]
        else:
            buckets["on_hand"] += fields["quantity"]
    return buckets


def state(api, sku):
    answer = api.position(sku)
    figures = {name: getattr(answer.position, name) for name in FIGURES}
    return figures, answer.sellable, answer.authoritative_time.ToNanoseconds(), answer.authoritative_source


def deliver_in_batches(apis, events, choose):
    """Every event one to three times, shuffled, in batches of random size, over one or several connections at once."""
    deliveries = [event for event in events for _ in range(choose.randint(1, 3))]
    choose.shuffle(deliveries)
    batches = []
    while deliveries:
        size = choose.randint(1, 7)
        batches.append(deliveries[:size])
        deliveries = deliveries[size:]
    with concurrent.futures.ThreadPoolExecutor(len(apis)) as pool:
        results = pool.map(lambda pair: apis[pair[0] % len(apis)].publish(*pair[1]), enumerate(batches))
        for batch in results:
            assert all(result.outcome != DEAD_LETTERED for result in batch), batch


@pytest.mark.parametrize("connections", [1, 4])
def test_every_order_and_repetition_gives_the_state_of_one_delivery_in_order(server, seed, connections):
    choose = random.Random(seed)
    apis = [Api(server.channel()) for _ in range(connections)]
    # The two sources get their numbers in order, as the rule for equal times asks for.
    apis[0].apply(adjustment(new_name(), 1, source="story-1"), adjustment(new_name(), 1, source="story-2"))
    for _ in range(6):
        steps = story(choose, now() - HOUR, length=14)
        in_order = new_name()
        for each in told(sorted(steps, key=lambda step: step[1]["at"]), in_order):
            apis[0].publish(each)
        once = state(apis[0], in_order)
        assert once[0] == expected(steps)
        for _ in range(8):
            sku = new_name()
            deliver_in_batches(apis, told(steps, sku), choose)
            assert state(apis[0], sku) == once, steps


def test_acknowledged_events_survive_an_orderly_restart(new_server):
    server = new_server().start()
    api = Api(server.channel())
    events = [snapshot(new_name(), on_hand=number) for number in range(1, 201)]
    api.apply(*events)
    before = api.status()
    server.restart()
    api = Api(server.channel())
    assert all(result.outcome == DUPLICATE for result in api.publish(*events))
    channel = api.new_channel()
    assert [line.available for line in api.check(channel, *[each.sku for each in events]).lines] == list(range(1, 201))
    after = api.status()
    assert after.epoch == before.epoch and after.sequence >= before.sequence


def test_source_continues_where_it_was_after_a_restart(new_server):
    server = new_server().start()
    api, time = Api(server.channel()), now() - HOUR
    for number in (1, 2, 4):
        api.apply(adjustment(new_name(), 1, source="counter", sequence=number, at=time + number * SECOND))
    before = api.source("counter")
    server.restart()
    api = Api(server.channel())
    after = api.source("counter")
    assert (after.watermark, after.next_expected_sequence, after.gap_since, after.counters) == (
        before.watermark, before.next_expected_sequence, before.gap_since, before.counters)
    api.apply(adjustment(new_name(), 1, source="counter", sequence=3, at=time + 3 * SECOND))
    assert api.source("counter").next_expected_sequence == 5


def publish_until_gone(server, sku, acknowledged, sent):
    """One change after the other until the server is gone; what was sent and what was acknowledged, by id."""
    api = Api(server.channel())
    while True:
        batch = [adjustment(sku, 1) for _ in range(5)]
        sent.extend(batch)
        try:
            results = api.publish(*batch)
        except grpc.RpcError:
            return
        assert all(result.outcome == APPLIED for result in results)
        acknowledged.update(each.id for each in batch)


def redeliver(api, events):
    """The results of delivering events again, however many."""
    return [result for start in range(0, len(events), 1_000) for result in api.publish(*events[start:start + 1_000])]


def test_acknowledged_events_survive_kill_9_in_the_middle_of_writing(new_server):
    server = new_server().start()
    skus = [new_name() for _ in range(4)]
    expected = dict.fromkeys(skus, 0)
    for _ in range(3):
        acknowledged, sent = set(), {sku: [] for sku in skus}
        writers = [threading.Thread(target=publish_until_gone, args=(server, sku, acknowledged, sent[sku]))
                   for sku in skus]
        for writer in writers:
            writer.start()
        eventually(lambda: len(acknowledged) >= 200, "some acknowledged events")
        server.signal(9)
        for writer in writers:
            writer.join()
        server.kill()
        server.start()

        api = Api(server.channel())
        for sku in skus:
            results = redeliver(api, sent[sku])
            assert all(result.outcome in (APPLIED, DUPLICATE) for result in results)
            lost = [result for result in results if result.event_id in acknowledged and result.outcome != DUPLICATE]
            assert not lost
            expected[sku] += len(sent[sku])
            assert api.position(sku).position.on_hand == expected[sku]
    assert len(api.check("web", *sample_skus(100)).lines) == 100


def test_batch_is_there_as_a_whole_or_not_at_all_after_kill_9(new_server):
    server = new_server().start()
    skus, sent = [new_name() for _ in range(50)], []

    def write():
        api = Api(server.channel())
        try:
            while True:
                sent.append([adjustment(sku, 1) for sku in skus])
                api.publish(*sent[-1])
        except grpc.RpcError:
            return

    writer = threading.Thread(target=write)
    writer.start()
    eventually(lambda: len(sent) >= 20, "some batches")
    server.signal(9)
    writer.join()
    server.kill()
    api = Api(server.start().channel())
    for batch in sent:
        assert len({result.outcome for result in api.publish(*batch)}) == 1
    assert {api.position(sku).position.on_hand for sku in skus} == {len(sent)}
