"""The wire driven by real peers: grpcio as the client gRPC users have, h2 for what grpcio would never send.

The harness binary is found in RPC_HARNESS, or in .build/release and .build/debug.
"""
import os
import pathlib
import queue
import signal
import socket
import ssl
import subprocess
import threading

import grpc
import h2.config
import h2.connection
import h2.events
import pytest

from support.bystander import processor_seconds

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 4 << 20


def harness_path():
    if "RPC_HARNESS" in os.environ:
        return os.environ["RPC_HARNESS"]
    for kind in ("release", "debug"):
        candidate = ROOT / ".build" / kind / "RPCHarness"
        if candidate.exists():
            return str(candidate)
    raise AssertionError("there is no RPCHarness: swift build --build-tests makes it")


class Harness:
    """The echo server as a process; what it prints is read line by line."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [harness_path(), "--listen", "0", *options], stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.port = int(self.expect("listening").split()[1])
        self.target = f"127.0.0.1:{self.port}"

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def expect(self, start, timeout=20):
        while True:
            line = self.lines.get(timeout=timeout)
            if line.startswith(start):
                return line

    def channel(self, **options):
        # A subchannel pool of its own: each channel is a connection of its own.
        given = {"grpc.use_local_subchannel_pool": 1, "grpc.max_receive_message_length": 64 << 20,
                 "grpc.max_send_message_length": 64 << 20, **options.pop("options", {})}
        return grpc.insecure_channel(self.target, options=list(given.items()), **options)

    def statistics(self):
        self.process.send_signal(signal.SIGUSR1)
        words = self.expect("statistics").split()[1:]
        return {name: int(value) for name, value in (word.split("=") for word in words)}

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=20)


@pytest.fixture(scope="module")
def harness():
    started = Harness()
    yield started
    assert started.stop() == 0


@pytest.fixture
def own_harness():
    running = []

    def start(*options):
        running.append(Harness(*options))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture(scope="module")
def channel(harness):
    with harness.channel() as made:
        yield made


def unary(channel, method):
    return channel.unary_unary(f"/test.Echo/{method}")


def server_stream(channel):
    return channel.unary_stream("/test.Echo/ServerStream")


def bidi(channel, method="Bidi"):
    return channel.stream_stream(f"/test.Echo/{method}")


def refused(call, *arguments, **options):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, timeout=20, **options)
    return caught.value


# Unary calls.

@pytest.mark.parametrize("method", ["Inline", "Unary"])
@pytest.mark.parametrize("size", [0, 1, 100, 5_000, 16_384, 100_000, 1 << 20, LIMIT])
def test_unary_call_is_answered_whatever_its_size(channel, method, size):
    message = os.urandom(size)
    assert unary(channel, method)(message, timeout=20) == message


@pytest.mark.parametrize("method", ["Inline", "Unary"])
def test_message_over_the_limit_is_resource_exhausted(channel, method):
    error = refused(unary(channel, method), bytes(LIMIT + 1))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert unary(channel, method)(b"next", timeout=20) == b"next"


def test_unknown_method_is_unimplemented(channel):
    assert refused(unary(channel, "Nothing"), b"").code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["Inline", "Unary"])
def test_two_messages_on_a_unary_call_are_unimplemented(channel, method):
    call = channel.stream_unary(f"/test.Echo/{method}")
    assert refused(call, iter([b"one", b"two"])).code() == grpc.StatusCode.UNIMPLEMENTED
    assert refused(call, iter([])).code() == grpc.StatusCode.UNIMPLEMENTED


def test_many_calls_at_once_over_several_connections(harness):
    before = harness.statistics()
    channels = [harness.channel() for _ in range(6)]
    calls = []
    for number in range(3_000):
        method = ("Inline", "Unary")[number % 2]
        message = f"call {number}".encode() * (number % 50 + 1)
        calls.append((message, unary(channels[number % 6], method).future(message, timeout=60)))
    for message, call in calls:
        assert call.result() == message
    for one in channels:
        one.close()
    after = harness.statistics()
    assert after["started"] - before["started"] == 3_000
    assert after["finished"] == after["started"]


def test_request_id_is_echoed_and_context_reaches_the_application(channel):
    metadata = (("x-request-id", "abc-1"), ("traceparent", "00-11-22-01"), ("authorization", "Bearer t"),
                ("x-channel-id", "web"))
    reply, call = unary(channel, "Unary").with_call(b"who", metadata=metadata, timeout=20)
    assert reply == b"abc-1|00-11-22-01|Bearer t|web|||deadline"
    assert dict(call.initial_metadata())["x-request-id"] == "abc-1"
    _, call = unary(channel, "Inline").with_call(b"x", metadata=metadata, timeout=20)
    assert dict(call.initial_metadata())["x-request-id"] == "abc-1"


def test_request_id_is_made_when_absent_but_not_for_inline_calls(channel):
    reply, call = unary(channel, "Unary").with_call(b"who")
    made = dict(call.initial_metadata())["x-request-id"]
    assert len(made) == 16 and reply.decode().startswith(made) and not reply.decode().endswith("deadline")
    _, call = unary(channel, "Inline").with_call(b"x", timeout=20)
    assert "x-request-id" not in dict(call.initial_metadata())


def test_big_metadata_passes_up_to_the_limit_and_no_further(harness):
    with harness.channel(options={"grpc.max_metadata_size": 64 << 10}) as channel:
        call = unary(channel, "Inline")
        assert call(b"x", metadata=(("x-big", "v" * 7_000),), timeout=20) == b"x"
        many = tuple((f"x-{number}", "v") for number in range(120))
        for metadata in ((("x-big", "v" * 9_000),), many):
            assert refused(call, b"x", metadata=metadata).code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert call(b"x", timeout=20) == b"x"


# Errors.

def test_rich_error_reaches_the_caller_whole(channel):
    error = refused(unary(channel, "Fail"), b"9 300")
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == "nur 3 Stück übrig: 50% (länger warten)"
    trailers = dict(error.trailing_metadata())
    assert trailers["grpc-status-details-bin"] == bytes(number % 256 for number in range(300))
    assert trailers["grpc-retry-pushback-ms"] == "1500"


def test_details_that_do_not_fit_are_left_out(channel):
    error = refused(unary(channel, "Fail"), b"9 20000")
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "grpc-status-details-bin" not in dict(error.trailing_metadata())


def test_inline_method_can_refuse(channel):
    error = refused(unary(channel, "Inline"), b"\xff")
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(error.trailing_metadata())["grpc-retry-pushback-ms"] == "250"


def test_observer_hears_of_internal_errors_only(harness, channel):
    refused(unary(channel, "Fail"), b"9 0", metadata=(("x-request-id", "quiet"),))
    refused(unary(channel, "Fail"), b"13 0", metadata=(("x-request-id", "loud"),))
    assert harness.expect("finished").startswith("finished INTERNAL loud nur 3")


# Compression.

@pytest.mark.parametrize("method", ["Inline", "Unary"])
@pytest.mark.parametrize("size", [10, 1_000, 200_000, LIMIT])
def test_gzip_both_ways(harness, method, size):
    with harness.channel(compression=grpc.Compression.Gzip) as channel:
        message = b"availability" * (size // 12)
        assert unary(channel, method)(message, timeout=20) == message


def test_gzip_on_streams(harness):
    with harness.channel(compression=grpc.Compression.Gzip) as channel:
        messages = [b"a" * 10, b"b" * 50_000, os.urandom(3_000)]
        assert list(bidi(channel)(iter(messages), timeout=20)) == messages


def test_message_that_inflates_over_the_limit_is_resource_exhausted(harness):
    with harness.channel(compression=grpc.Compression.Gzip) as channel:
        assert refused(unary(channel, "Inline"), bytes(LIMIT + 1)).code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_deflate_is_unimplemented(harness):
    with harness.channel(compression=grpc.Compression.Deflate) as channel:
        assert refused(unary(channel, "Inline"), b"x" * 2_000).code() == grpc.StatusCode.UNIMPLEMENTED


def test_compressed_stream_to_a_slow_reader_finishes(harness):
    # Each message takes a hundredth of what it was held back for; the application must hear of the room all the same.
    with harness.channel(compression=grpc.Compression.Gzip) as channel:
        stream = server_stream(channel)(b"300 200000", timeout=60)
        next(stream)
        threading.Event().wait(0.5)
        assert sum(1 for _ in stream) == 299


# Streams.

@pytest.mark.parametrize("count,size", [(0, 1), (1, 0), (1_000, 10), (200, 20_000), (5, LIMIT)])
def test_server_stream_arrives_whole(channel, count, size):
    sizes = [len(message) for message in server_stream(channel)(f"{count} {size}".encode(), timeout=60)]
    assert sizes == [size] * count


def test_slow_consumer_holds_the_stream_back(harness):
    # 100 MB would be cut off beyond 8 MiB if the application were not held back.
    with harness.channel() as channel:
        stream = server_stream(channel)(b"1000 100000", timeout=60)
        first = next(stream)
        pause = threading.Event()
        pause.wait(1)
        assert len(first) == 100_000 and sum(1 for _ in stream) == 999


def test_stream_that_ignores_back_pressure_is_cut_off(harness):
    with harness.channel() as channel:
        with pytest.raises(grpc.RpcError) as caught:
            for _ in server_stream(channel)(b"1000 100000 regardless", timeout=60):
                pass
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("size", [0, 100, 70_000, 1 << 20])
def test_bidirectional_echo(channel, size):
    messages = [os.urandom(size) for _ in range(40)]
    assert list(bidi(channel)(iter(messages), timeout=60)) == messages


def test_bidirectional_ping_pong(channel):
    sent = queue.Queue()
    replies = bidi(channel)(iter(sent.get, None), timeout=20)
    for number in range(200):
        sent.put(str(number).encode())
        assert next(replies) == str(number).encode()
    sent.put(None)
    assert list(replies) == []


def test_paused_receiver_holds_the_caller_back_and_loses_nothing(channel):
    messages = [bytes(30_000)] * 40
    assert list(bidi(channel, "SlowReader")(iter(messages), timeout=60)) == [b"1200000"]


# Deadlines and cancellation.

def test_deadline_ends_the_call_on_both_sides(harness, channel):
    with pytest.raises(grpc.RpcError) as caught:
        unary(channel, "Slow")(b"30000", timeout=1)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert harness.expect("cancelled SlowEcho").split()[-1] in ("deadlineExceeded", "resetByCaller")


def test_cancel_reaches_the_application(harness, channel):
    call = unary(channel, "Slow").future(b"30000")
    sent = queue.Queue()
    replies = bidi(channel)(iter(sent.get, None))
    sent.put(b"first")
    assert next(replies) == b"first"
    harness.expect("asked SlowEcho")
    call.cancel()
    assert harness.expect("cancelled SlowEcho") == "cancelled SlowEcho resetByCaller"
    replies.cancel()
    assert harness.expect("cancelled BidiEcho") == "cancelled BidiEcho resetByCaller"


def test_lost_connection_reaches_the_application(harness):
    channel = harness.channel()
    call = unary(channel, "Slow").future(b"30000")
    harness.expect("asked SlowEcho")
    channel.close()
    assert harness.expect("cancelled SlowEcho").split()[-1] in ("connectionLost", "resetByCaller")
    assert call.code() == grpc.StatusCode.CANCELLED


def test_loops_rest_after_a_storm_of_replies_from_other_threads(own_harness):
    harness = own_harness()
    with harness.channel() as channel:
        for _ in range(5):
            calls = [unary(channel, "Unary").future(b"x", timeout=60) for _ in range(2_000)]
            assert all(call.result() == b"x" for call in calls)
    before = processor_seconds(harness.process.pid)
    threading.Event().wait(1)
    # A descriptor left readable with nothing to take would use a whole core.
    assert processor_seconds(harness.process.pid) - before < 0.3


# The end of the server.

def test_drain_lets_calls_in_flight_finish(own_harness):
    harness = own_harness()
    with harness.channel() as channel:
        call = unary(channel, "Slow").future(b"1000")
        harness.expect("asked SlowEcho")
        harness.process.terminate()
        harness.expect("draining")
        assert call.result(timeout=20) == b"1000"
        harness.expect("drained")
        assert harness.process.wait(timeout=20) == 0
        error = refused(unary(channel, "Inline"), b"x")
        assert error.code() == grpc.StatusCode.UNAVAILABLE


def test_calls_beyond_the_grace_are_unavailable(own_harness):
    harness = own_harness()
    with harness.channel() as channel:
        call = unary(channel, "Slow").future(b"60000")
        harness.expect("asked SlowEcho")
        harness.process.terminate()
        assert call.exception(timeout=20).code() == grpc.StatusCode.UNAVAILABLE
        assert harness.expect("cancelled") == "cancelled SlowEcho serverStopping"
        assert harness.process.wait(timeout=20) == 0


def test_connection_of_age_is_drained_and_calls_go_on(own_harness):
    harness = own_harness("--age", "300")
    with harness.channel() as channel:
        for _ in range(30):
            assert unary(channel, "Slow")(b"50", timeout=20) == b"50"
    assert harness.process.poll() is None


def test_port_that_another_server_has_is_refused(harness):
    second = subprocess.run([harness_path(), "--listen", str(harness.port)], capture_output=True, text=True, timeout=20)
    assert second.returncode == 1 and second.stdout.startswith("cannot start")


# TLS.

def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def make_authority(directory, name):
    openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def make_certificate(directory, authority, name, subject, alternative):
    (directory / f"{name}.ext").write_text(f"subjectAltName={alternative}\n")
    openssl(directory, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
            "-keyout", f"{name}.key", "-out", f"{name}.csr")
    openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates")
    for authority in ("authority", "stranger"):
        make_authority(directory, authority)
    make_certificate(directory, "authority", "server", "/CN=localhost", "DNS:localhost,IP:127.0.0.1")
    make_certificate(directory, "authority", "renewed", "/CN=renewed", "DNS:localhost,IP:127.0.0.1")
    make_certificate(directory, "authority", "client", "/O=Example/CN=shop", "DNS:shop.example,URI:spiffe://example/shop")
    make_certificate(directory, "stranger", "intruder", "/CN=intruder", "DNS:intruder.example")
    return directory


def secure_channel(harness, certificates, client=None):
    def read(name):
        return (certificates / name).read_bytes()
    credentials = grpc.ssl_channel_credentials(
        read("authority.pem"), *((read(f"{client}.key"), read(f"{client}.pem")) if client else ()))
    return grpc.secure_channel(harness.target, credentials, options=[("grpc.use_local_subchannel_pool", 1)])


def tls_options(certificates, *more):
    return ("--tls", str(certificates / "server.pem"), str(certificates / "server.key"), *more)


def test_tls_is_the_same_wire(own_harness, certificates):
    harness = own_harness(*tls_options(certificates))
    with secure_channel(harness, certificates) as channel:
        for size in (0, 100, 100_000, 3 << 20):
            message = os.urandom(size)
            assert unary(channel, "Inline")(message, timeout=20) == message
            assert unary(channel, "Unary")(message, timeout=20) == message
        assert sum(1 for _ in server_stream(channel)(b"300 20000", timeout=60)) == 300
        messages = [os.urandom(90_000) for _ in range(30)]
        assert list(bidi(channel)(iter(messages), timeout=60)) == messages


def test_tls_without_h2_or_below_1_2_is_refused(own_harness, certificates):
    harness = own_harness(*tls_options(certificates))

    def connect(protocols, version):
        context = ssl.create_default_context(cafile=str(certificates / "authority.pem"))
        context.set_alpn_protocols(protocols)
        context.maximum_version = version
        with socket.create_connection(("127.0.0.1", harness.port)) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as wrapped:
                return wrapped.selected_alpn_protocol()

    assert connect(["http/1.1", "h2"], ssl.TLSVersion.TLSv1_3) == "h2"
    assert connect(["h2"], ssl.TLSVersion.TLSv1_2) == "h2"
    with pytest.raises(OSError):
        connect(["http/1.1"], ssl.TLSVersion.TLSv1_3)
    with pytest.raises((OSError, ValueError)):
        connect(["h2"], ssl.TLSVersion.TLSv1_1)


def test_mutual_tls_tells_the_application_who_calls(own_harness, certificates):
    harness = own_harness(*tls_options(certificates, "--client-ca", str(certificates / "authority.pem")))
    with secure_channel(harness, certificates, "client") as channel:
        fields = unary(channel, "Unary")(b"who", timeout=20).decode().split("|")
        assert fields[4:6] == ["CN=shop,O=Example", "shop.example,spiffe://example/shop"]
    for client in (None, "intruder"):
        with secure_channel(harness, certificates, client) as channel:
            assert refused(unary(channel, "Inline"), b"x").code() == grpc.StatusCode.UNAVAILABLE


def served_subject(harness, certificates):
    context = ssl.create_default_context(cafile=str(certificates / "authority.pem"))
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", harness.port)) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as wrapped:
            return dict(pair[0] for pair in wrapped.getpeercert()["subject"])["commonName"]


def test_certificates_are_reloaded_on_hangup(own_harness, certificates, tmp_path):
    for kind in ("pem", "key"):
        (tmp_path / f"now.{kind}").write_bytes((certificates / f"server.{kind}").read_bytes())
    harness = own_harness("--tls", str(tmp_path / "now.pem"), str(tmp_path / "now.key"))
    with secure_channel(harness, certificates) as channel:
        assert unary(channel, "Inline")(b"before", timeout=20) == b"before"
        for kind in ("pem", "key"):
            (tmp_path / f"now.{kind}").write_bytes((certificates / f"renewed.{kind}").read_bytes())
        harness.process.send_signal(signal.SIGHUP)
        harness.expect("reloaded")
        assert served_subject(harness, certificates) == "renewed"
        assert unary(channel, "Inline")(b"after", timeout=20) == b"after"
    (tmp_path / "now.key").write_text("not a key")
    harness.process.send_signal(signal.SIGHUP)
    assert "now.key" in harness.expect("not reloaded")
    assert served_subject(harness, certificates) == "renewed"


# What grpcio would never send.

class RawClient:
    """One HTTP/2 connection that sends what it is told."""

    def __init__(self, harness):
        self.socket = socket.create_connection(("127.0.0.1", harness.port))
        self.socket.settimeout(20)
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False))
        self.http.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.http.data_to_send())

    def request(self, headers=(), body=None, stream=None, end=True):
        stream = stream or self.http.get_next_available_stream_id()
        given = {":method": "POST", ":scheme": "http", ":path": "/test.Echo/Inline", ":authority": "test",
                 "content-type": "application/grpc", **dict(headers)}
        self.http.send_headers(stream, [pair for pair in given.items() if pair[1] is not None])
        if body is not None:
            self.http.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    def events(self):
        while True:
            received = self.socket.recv(65_536)
            if not received:
                return
            yield from self.http.receive_data(received)
            self.flush()

    def answer(self, stream):
        """All header fields and the body, up to the end of the stream."""
        fields, body = {}, b""
        for event in self.events():
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                fields.update({name.decode(): value.decode() for name, value in event.headers})
            if isinstance(event, h2.events.DataReceived):
                body += event.data
            if isinstance(event, h2.events.StreamEnded):
                return fields, body
            if isinstance(event, h2.events.StreamReset):
                return {"reset": event.error_code}, body
        return {"closed": True}, body

    def ask(self, headers=(), body=b"\0\0\0\0\1x"):
        return self.answer(self.request(headers, body))


@pytest.fixture
def raw(harness):
    client = RawClient(harness)
    yield client
    client.socket.close()


def test_raw_request_is_answered(raw):
    fields, body = raw.ask()
    assert fields == {":status": "200", "content-type": "application/grpc", "grpc-status": "0"}
    assert body == b"\0\0\0\0\1x"


@pytest.mark.parametrize("headers,status", [
    ({"content-type": "application/json"}, "415"), ({"content-type": "application/grpc-web"}, "415"),
    ({"content-type": "application/grpc+json"}, "415"), ({"content-type": None}, "415"), ({":method": "GET"}, "405"),
])
def test_what_is_not_grpc_gets_an_http_status(raw, headers, status):
    fields, body = raw.ask(headers)
    assert fields[":status"] == status and "grpc-status" not in fields and body == b""


@pytest.mark.parametrize("content_type", ["application/grpc+proto", "application/grpc;charset=utf-8"])
def test_other_spellings_of_grpc_are_taken(raw, content_type):
    assert raw.ask({"content-type": content_type})[0]["grpc-status"] == "0"


@pytest.mark.parametrize("body,code", [
    (b"", "12"), (b"\0\0\0\0", "13"), (b"\0\0\0\0\5x", "13"), (b"\0\0\0\0\1xy", "12"),
    (b"\0\0\0\0\1x\0\0\0\0\1y", "12"), (b"\1\0\0\0\1x", "13"), (b"\2\0\0\0\1x", "13"), (b"\0\xff\xff\xff\xffx", "8"),
])
def test_broken_framing_is_told_apart(raw, body, code):
    assert raw.ask(body=body)[0]["grpc-status"] == code


def test_length_over_the_limit_is_refused_before_the_message_comes(raw):
    stream = raw.request(body=b"\0\x7f\xff\xff\xff", end=False)
    assert raw.answer(stream)[0]["grpc-status"] == "8"


@pytest.mark.parametrize("headers,body,code", [
    ({"grpc-encoding": "gzip"}, b"\1\0\0\0\4junk", "13"), ({"grpc-encoding": "snappy"}, b"\0\0\0\0\1x", "12"),
    ({"grpc-encoding": "identity"}, b"\0\0\0\0\1x", "0"), ({"grpc-timeout": "0m"}, b"\0\0\0\0\1x", "4"),
    ({"grpc-timeout": "123456789S"}, b"\0\0\0\0\1x", "13"), ({"grpc-timeout": "5x"}, b"\0\0\0\0\1x", "13"),
    ({"grpc-timeout": "99999999H"}, b"\0\0\0\0\1x", "0"), ({"te": "trailers"}, b"\0\0\0\0\1x", "0"),
])
def test_headers_of_grpc_mean_what_they_should(raw, headers, body, code):
    fields, _ = raw.ask(headers, body)
    assert fields["grpc-status"] == code
    if headers.get("grpc-encoding") == "snappy":
        assert fields["grpc-accept-encoding"] == "identity,gzip"


def test_message_split_at_every_byte(raw):
    message = b"\0\0\0\0\5hello"
    for split in range(len(message) + 1):
        stream = raw.request(body=message[:split], end=False)
        raw.http.send_data(stream, message[split:], end_stream=True)
        raw.flush()
        assert raw.answer(stream) == (
            {":status": "200", "content-type": "application/grpc", "grpc-status": "0"}, message)


def test_end_of_stream_may_come_apart_from_the_message(raw):
    stream = raw.request(body=b"\0\0\0\0\1x", end=False)
    raw.http.end_stream(stream)
    raw.flush()
    assert raw.answer(stream)[1] == b"\0\0\0\0\1x"


def test_deadline_of_a_request_that_never_comes(raw):
    stream = raw.request({"grpc-timeout": "50m"})
    assert raw.answer(stream)[0]["grpc-status"] == "4"


def test_silent_connection_is_closed(own_harness):
    harness = own_harness("--handshake", "200")
    with socket.create_connection(("127.0.0.1", harness.port)) as silent:
        silent.settimeout(20)
        received = b""
        while True:
            more = silent.recv(4_096)
            if not more:
                break
            received += more


def test_idle_connection_gets_goaway_and_is_closed(own_harness):
    harness = own_harness("--idle", "300")
    client = RawClient(harness)
    events = list(client.events())
    assert any(isinstance(event, h2.events.ConnectionTerminated) and event.error_code == 0 for event in events)


def test_caller_that_does_not_read_is_cut_off(own_harness):
    harness = own_harness("--stalled", "400")
    client = RawClient(harness)
    text = b"1000 100000"
    stream = client.request({":path": "/test.Echo/ServerStream"}, b"\0" + len(text).to_bytes(4, "big") + text)
    # No WINDOW_UPDATE is ever sent.
    fields = {}
    for event in client.events():
        if isinstance(event, h2.events.TrailersReceived) and event.stream_id == stream:
            fields = {name.decode(): value.decode() for name, value in event.headers}
            break
    assert fields["grpc-status"] == "8"
    assert harness.expect("cancelled") == "cancelled ServerStream connectionLost"


def test_third_early_ping_is_too_many(raw):
    reason = None
    for number in range(6):
        raw.http.ping(number.to_bytes(8, "big"))
    raw.flush()
    for event in raw.events():
        if isinstance(event, h2.events.ConnectionTerminated):
            reason = event.additional_data
    assert reason == b"too_many_pings"


def test_rapid_reset_ends_the_connection(raw):
    frames = b""
    for _ in range(300):
        stream = raw.http.get_next_available_stream_id()
        raw.http.send_headers(stream, [
            (":method", "POST"), (":scheme", "http"), (":path", "/test.Echo/Slow"), (":authority", "test"),
            ("content-type", "application/grpc")])
        raw.http.reset_stream(stream)
        frames += raw.http.data_to_send()
    codes = []
    try:
        raw.socket.sendall(frames)
        for event in raw.events():
            if isinstance(event, h2.events.ConnectionTerminated):
                codes.append(event.error_code)
    except (ConnectionError, BrokenPipeError):
        pass
    assert codes and codes[0] == 11


def test_http1_is_closed_without_an_answer_to_it(harness):
    with socket.create_connection(("127.0.0.1", harness.port)) as old:
        old.settimeout(20)
        old.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        received = b"".join(iter(lambda: old.recv(4_096), b""))
    assert not received.startswith(b"HTTP/1.1 200")
