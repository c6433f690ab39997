"""The long form of the events from NATS: a million of them while both servers are killed again and again."""
import os
import random
import time

from support.api import new_name
from support.nats import PROTOBUF, Bed, Nats
from support.server import eventually

COUNT = int(os.environ.get("AVAILABILITY_NATS_EVENTS", 1_000_000))


def test_a_million_events_take_effect_once_while_both_servers_are_killed(new_server, tmp_path, seed):
    choose = random.Random(seed)
    nats = Nats(tmp_path).start()
    try:
        bed = Bed(nats, new_server)
        nats.add_consumer(bed.stream, bed.durable, bed.subjects[0], ack_wait=5)
        skus = [new_name() for _ in range(1_000)]
        bodies = (bed.plus_one(skus[number % 1_000]).SerializeToString() for number in range(COUNT))
        nats.publish_fast(bed.stream, bed.subjects[0], bodies, headers=PROTOBUF)
        bed.start()

        def applied():
            source = bed.api.source(bed.source)
            return source.counters.applied if source else 0

        reached = 0
        while reached < COUNT:
            time.sleep(choose.uniform(1, 5))
            victim = choose.choice([bed, nats])
            victim.kill()
            victim.start()
            reached = eventually(lambda: (now := applied()) and (now > reached or now == COUNT) and now, "more events")
        bed.settle()
        assert applied() == COUNT
        assert [bed.on_hand(sku) for sku in skus] == [COUNT // 1_000] * 1_000
    finally:
        nats.stop()
