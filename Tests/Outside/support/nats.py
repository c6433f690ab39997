"""A real nats-server with JetStream as a process, and what others do with it: publish, look at consumers, delete them."""
import asyncio
import contextlib
import subprocess
import uuid

import grpc
import nats
from nats.js import api as jetstream
from nats.js.errors import NotFoundError

from . import free_port
from .api import Api, adjustment, new_name
from .faults import needed
from .server import SMALL, eventually

PROTOBUF = {"Content-Type": "application/x-protobuf"}
CLOUD_EVENT = {"Content-Type": "application/cloudevents+json"}


async def _say_nothing(_):
    """For the errors of connections, of which the tests make and break many."""


class Nats:
    """One folder and at most one process on it. `settings` are lines of its configuration file."""

    def __init__(self, directory, settings="", scheme="nats", **client):
        self.directory = directory
        self.port = free_port()
        self.url = f"{scheme}://localhost:{self.port}"
        self.process = None
        self._client = {"error_cb": _say_nothing, **client}
        (directory / "nats.conf").write_text(settings)

    def start(self):
        assert self.process is None, "it runs already"
        command = [needed("nats-server"), "-c", self.directory / "nats.conf", "-js", "-sd", self.directory / "data",
                   "-a", "127.0.0.1", "-p", str(self.port), "-l", self.directory / "nats.log"]
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL)
        eventually(self._answers, "a nats-server that answers")
        return self

    def _answers(self):
        assert self.process.poll() is None, (self.directory / "nats.log").read_text()
        with contextlib.suppress(Exception):
            self._do(lambda js: js.account_info())
            return True

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self):
        """Leaves no process behind."""
        if self.process is not None:
            self.kill()

    def _do(self, work):
        """What `work` makes of a JetStream context, over a connection of its own."""
        async def run():
            connection = await nats.connect(self.url, allow_reconnect=False, **self._client)
            try:
                return await work(connection.jetstream(timeout=20))
            finally:
                await connection.close()
        return asyncio.run(run())

    def add_stream(self, name, *subjects):
        self._do(lambda js: js.add_stream(name=name, subjects=list(subjects)))

    def publish(self, subject, *bodies, headers=None):
        """Returns when the server has stored them all."""
        async def work(js):
            for body in bodies:
                await js.publish(subject, body, headers=headers)
        self._do(work)

    def publish_fast(self, stream, subject, bodies, headers=None):
        """The same for very many: stored when the stream has them all."""
        async def run():
            connection = await nats.connect(self.url, **self._client)
            js = connection.jetstream(timeout=20)
            before, count = (await js.stream_info(stream)).state.messages, 0
            for body in bodies:
                await connection.publish(subject, body, headers=headers)
                count += 1
                # The server's own buffer for the connection is bounded.
                if count % 1_000 == 0:
                    await connection.flush(timeout=60)
            await connection.flush(timeout=60)
            while (await js.stream_info(stream)).state.messages < before + count:
                await asyncio.sleep(0.02)
            await connection.close()
        asyncio.run(run())

    def messages(self, stream):
        """All messages of a stream as (subject, headers, body)."""
        async def work(js):
            count = (await js.stream_info(stream)).state.last_seq
            found = [await js.get_msg(stream, number) for number in range(1, count + 1)]
            return [(one.subject, one.headers or {}, one.data) for one in found]
        return self._do(work)

    def consumer(self, stream, name):
        """What the server says of a consumer; nothing when there is none."""
        async def work(js):
            with contextlib.suppress(NotFoundError):
                return await js.consumer_info(stream, name)
        return self._do(work)

    def add_consumer(self, stream, name, subject, ack_wait=60):
        """A durable pull consumer of the whole stream, as somebody may make who administers the server."""
        config = jetstream.ConsumerConfig(
            durable_name=name, filter_subject=subject, ack_policy=jetstream.AckPolicy.EXPLICIT,
            deliver_policy=jetstream.DeliverPolicy.ALL, ack_wait=ack_wait, max_ack_pending=5_000)
        self._do(lambda js: js.add_consumer(stream, config))

    def delete_consumer(self, stream, name):
        self._do(lambda js: js.delete_consumer(stream, name))

    def is_settled(self, stream, name, count):
        """Whether `count` messages were handed out and acknowledged, and none waits."""
        info = self.consumer(stream, name)
        return info and (info.num_pending, info.num_ack_pending) == (0, 0) and info.ack_floor.stream_seq >= count


class Bed:
    """A stream, and our server with a feed of it."""

    durable = "availability"

    def __init__(self, nats, new_server, places=("wh1",), extra=""):
        self.nats = nats
        self.source = new_name("wms")
        self.stream = f"S{uuid.uuid4().hex[:8]}"
        self.subjects = [f"{self.stream}.{place}" for place in places]
        nats.add_stream(self.stream, f"{self.stream}.>")
        self.server = new_server(configuration=SMALL + f"""
erps: {{}}
feeds:
  stock:
    kind: nats
    source: {self.source}
    url: {nats.url}
    stream: {self.stream}
    subjects: [{", ".join(self.subjects)}]
    durable: {self.durable}
{extra}""")

    def start(self):
        self.server.start()
        self.api = Api(self.server.channel())
        return self

    def kill(self):
        """kill -9 of our server."""
        self.server.kill()

    def send(self, *events, subject=None):
        self.nats.publish(subject or self.subjects[0], *(event.SerializeToString() for event in events), headers=PROTOBUF)

    def plus_one(self, sku):
        return adjustment(sku, 1, source=self.source)

    def settle(self):
        """Waits until all that was sent is acknowledged."""
        durables = ([self.durable] if len(self.subjects) == 1 else
                    [f"{self.durable}-{subject.replace('.', '_')}" for subject in self.subjects])
        for durable in durables:
            eventually(lambda: self.nats.is_settled(self.stream, durable, 0), f"all of {durable} acknowledged")

    def feed(self):
        """The feed as ListSources tells it, or nothing."""
        source = self.api.source(self.source)
        return source.feeds[0] if source and source.feeds else None

    def on_hand(self, sku, location="WH1"):
        return self.api.position(sku, location).position.on_hand


def known(call):
    """The answer, or nothing while there is none of that name."""
    try:
        return call()
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
        return None
