"""A rebuild from what goes on while it is filled: a JetStream stream that is written to, and an ERP that holds and ships."""
import threading

import pytest

from support.api import adjustment, event, new_name, snapshot
from support.erp import EmbeddedErp, ErpHolder
from support.nats import PROTOBUF
from support.reservations import Holder, state_of, verify, wanted
from support.server import SMALL, eventually
from test_jetstream import bed, nats  # noqa: F401 (fixtures)
from test_rebuild import becomes, on_hand, rebuild_of, start, switch
from test_rebuild import state_of as rebuild_state

SKUS = 20
PAST = 20_000


class Messages:
    """Somebody who sends one unit of each sku after the other to a stream until told to stop."""

    def __init__(self, bed, skus):  # noqa: F811
        self.sent = [0] * len(skus)
        self._bed, self._skus = bed, skus
        self._failures = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        assert not self._failures, self._failures

    def _run(self):
        try:
            while not self._stop.is_set():
                self._bed.send(*(self._bed.plus_one(sku) for sku in self._skus))
                self.sent = [count + 1 for count in self.sent]
        except Exception as error:
            self._failures.append(error)

    def go_on(self):
        """Waits until some more were sent."""
        reached = sum(self.sent) + 3 * len(self._skus)
        eventually(lambda: self._failures or sum(self.sent) > reached, "further messages")


@pytest.mark.parametrize("is_killed", [False, True], ids=["alive", "killed"])
def test_stream_is_replayed_while_its_messages_go_on_and_a_hold_is_shipped(bed, is_killed):  # noqa: F811
    # What a killed server was handed comes again after this.
    bed.nats.add_consumer(bed.stream, bed.durable, bed.subjects[0], ack_wait=2)
    bed.start()
    holder = Holder(bed.server.channel())
    skus = [new_name() for _ in range(SKUS)]
    bed.send(*(snapshot(sku, source=bed.source, on_hand=1_000) for sku in skus))
    bodies = (bed.plus_one(skus[number % SKUS]).SerializeToString() for number in range(PAST))
    bed.nats.publish_fast(bed.stream, bed.subjects[0], bodies, headers=PROTOBUF)
    eventually(lambda: on_hand(holder, skus[-1]) == 1_000 + PAST // SKUS, "the past")
    # What the stream never told: it is gone after the rebuild.
    holder.apply(*(adjustment(sku, 500_000, source="typo") for sku in skus))
    hold = holder.create("web", wanted(skus[0], 10), wanted(skus[1], 10))
    with Messages(bed, skus) as live:
        id = start(holder).id
        eventually(lambda: rebuild_state(rebuild_of(holder)) == "READY" or rebuild_of(holder).steps[0].taken > 0,
                   "some of it")
        bed.send(event("SHIPMENT_CONFIRMED", skus[0], quantity=4, reservation_id=hold.id, source=bed.source))
        if is_killed:
            bed.kill()
            holder = Holder(bed.start().server.channel())
        ready = becomes(holder, "READY")
        assert (ready.id, ready.differing_positions, ready.steps[0].refused) == (id, SKUS, 0)
        eventually(lambda: holder.get(hold.id).lines[0].fulfilled == 4, "the shipment")
        live.go_on()
        assert on_hand(holder, skus[0]) > 500_000
        switch(holder, id)
        assert on_hand(holder, skus[0]) < 500_000
        live.go_on()
    check_stream(bed, holder, skus, live, hold)
    # Everything once more, to figures that learned of most of it from the replay.
    bed.nats.delete_consumer(bed.stream, bed.durable)
    bed.nats.add_consumer(bed.stream, bed.durable, bed.subjects[0])
    everything = SKUS + PAST + sum(live.sent) + 1
    eventually(lambda: holder.source(bed.source).counters.duplicate >= everything, "all of them again")
    check_stream(bed, holder, skus, live, hold)
    verify(bed.server)


def check_stream(bed, holder, skus, live, hold):  # noqa: F811
    """Every message counts once, and the hold is as it should be."""
    bed.settle()
    found = [holder.position(sku).position for sku in skus]
    told = [1_000 + PAST // SKUS + live.sent[number] - (4 if number == 0 else 0) for number in range(SKUS)]
    assert [position.on_hand for position in found] == told
    assert [position.reserved for position in found] == [6, 10] + [0] * (SKUS - 2)
    first, second = holder.get(hold.id).lines
    assert ((first.open, first.fulfilled), (second.open, second.fulfilled)) == ((6, 4), (10, 0))


READ = SMALL + """
erps:
  embedded: {adapter: embedded, read_every: 24h}
feeds:
  changes: {kind: erp, erp: embedded, poll_every: 100ms}
"""


def test_erp_is_read_while_it_holds_and_ships(new_server):
    server = new_server(configuration=READ).start()
    holder, erp = ErpHolder(server.channel()), EmbeddedErp(server)
    channel = holder.new_channel()
    # More than one page.
    skus = [new_name() for _ in range(150)]
    for sku in skus:
        erp.stock(sku, 40)
    for sku in skus:
        eventually(lambda: on_hand(holder, sku) == 40, "the ERP's stock")
    # What no ERP tells of: it is gone after the rebuild.
    holder.apply(*(snapshot(sku, safety_stock=9, source="typo") for sku in skus))
    kept, shipped = holder.create(channel, wanted(skus[0], 5)), holder.create(channel, wanted(skus[1], 6))
    holder.drained()
    with erp.being(latency_ms=200):
        begun = start(holder)
        assert [step.id for step in begun.steps] == ["changes", "embedded"]
        late = holder.create(channel, wanted(skus[2], 4))
        holder.apply(event("SHIPMENT_CONFIRMED", skus[1], quantity=2, reservation_id=shipped.id))
        erp.stock(skus[1], 38)
        erp.stock(skus[3], 25)
        ready = becomes(holder, "READY")
    assert [(step.taken >= len(skus), step.refused) for step in ready.steps] == [(True, 0)] * 2
    assert ready.differing_positions == len(skus)
    assert holder.available(channel, skus[0]) == 40 - 5 - 9
    # More may be sold without it.
    switch(holder, ready.id, accept=True)
    holder.drained()

    def stands(sku, units, held):
        eventually(lambda: on_hand(holder, sku) == units, f"{units} of {sku}")
        position = holder.position(sku).position
        assert (position.reserved, position.releasing, position.allocated, position.safety_stock) == (held, 0, 0, 0), sku
        # Counted once, though the ERP's figures have it in them, too.
        assert holder.available(channel, sku) == units - held

    for sku, units, held in (skus[0], 40, 5), (skus[1], 38, 4), (skus[2], 40, 4), (skus[3], 25, 0), (skus[-1], 40, 0):
        stands(sku, units, held)
    assert [line.fulfilled for line in holder.get(shipped.id).lines] == [2]
    # The holds go on, and so do the ERP's changes.
    holder.release(kept.id)
    holder.commit(late.id)
    holder.drained()
    erp.stock(skus[3], 26)
    for sku, units, held in (skus[0], 40, 0), (skus[2], 40, 4), (skus[3], 26, 0):
        stands(sku, units, held)
    assert state_of(holder.get(kept.id)) == "RELEASED" and state_of(holder.get(late.id)) == "COMMITTED"
    verify(server)
