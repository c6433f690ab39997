"""The long form of the events from NATS: a million of them while both servers are killed again and again, and while the
consumer is set back to the stream's beginning."""
import collections
import os
import random
import time

from support.api import new_name
from support.nats import PROTOBUF, Bed, Nats
from support.server import eventually

COUNT = int(os.environ.get("AVAILABILITY_NATS_EVENTS", 1_000_000))
SKUS = 1_000


def test_a_million_events_take_effect_once_whatever_is_killed_or_told_again(new_server, tmp_path, seed, capsys):
    choose = random.Random(seed)
    nats = Nats(tmp_path).start()
    done = collections.Counter()
    try:
        bed = Bed(nats, new_server)
        nats.add_consumer(bed.stream, bed.durable, bed.subjects[0], ack_wait=5)
        skus = [new_name() for _ in range(SKUS)]
        bodies = (bed.plus_one(skus[number % SKUS]).SerializeToString() for number in range(COUNT))
        began = time.monotonic()
        nats.publish_fast(bed.stream, bed.subjects[0], bodies, headers=PROTOBUF)
        published = time.monotonic()
        bed.start()

        def counters():
            source = bed.api.source(bed.source)
            return (source.counters.applied, source.counters.duplicate) if source else (0, 0)

        # Where the consumer begins anew: everything so far is delivered once more.
        set_back_at = [COUNT // 3, 2 * COUNT // 3]
        reached = 0
        while reached < COUNT:
            time.sleep(choose.uniform(1, 4))
            if set_back_at and reached >= set_back_at[0]:
                set_back_at.pop(0)
                nats.delete_consumer(bed.stream, bed.durable)
                nats.add_consumer(bed.stream, bed.durable, bed.subjects[0], ack_wait=5)
                done["the consumer set back"] += 1
            else:
                victim, name = choose.choice([(bed, "our server"), (nats, "nats-server")])
                victim.kill()
                victim.start()
                done[f"{name} killed"] += 1
            before = sum(counters())
            # What comes again is progress, too.
            reached, _ = eventually(
                lambda: (now := counters()) and (sum(now) > before or now[0] == COUNT) and now, "more events")
        bed.settle()
        applied, duplicate = counters()
        assert applied == COUNT
        assert [bed.on_hand(sku) for sku in skus] == [COUNT // SKUS] * SKUS
        assert bed.server.terminate() == 0
        with capsys.disabled():
            print(f"\nseed {seed}: {COUNT:,} events published in {published - began:.0f} s and applied in "
                  f"{time.monotonic() - published:.0f} s; {duplicate:,} delivered again; "
                  + ", ".join(f"{name} {count} times" for name, count in sorted(done.items())))
    finally:
        nats.stop()
