"""Malformed gRPC requests: every method of every service, each with every fault, against the table of errors.

Meanwhile another connection on the same event loop is answered within 100 ms, and the server's memory stays bounded.
"""
import gzip

import pytest
from google.protobuf.descriptor import FieldDescriptor
from grpc_reflection.v1alpha import reflection_pb2

from support.bystander import MEBIBYTE
from support.frames import DATA, END_STREAM, HEADERS, WIDE_OPENING, Answer, Peer, message
from support.hostile import STREAM_EVENTS, bystander, server  # noqa: F401 (fixtures)
from support.methods import every_method

OK, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 0, 2, 3, 4, 8, 12, 13
MESSAGE_MAX = 4 * MEBIBYTE
# Field 15 of no request of ours, each as one varint and as bytes.
STRANGE_VARINT, STRANGE_BYTES = b"\x78", b"\x7a"


@pytest.fixture(scope="module")
def plain(server):
    """How each method answers an empty message: its status, or nothing where the call stays open."""
    return {method.path: ask(server, method, message(b"")).status for method in every_method()}


def ask(server, method, body, /, **head):
    """The answer of one request on a connection of its own; the call of a method that answers many may stay open."""
    with Peer(server.grpc_address, WIDE_OPENING) as peer:
        peer.send(peer.request(body, method.path, **head))
        while method.answers_many and not peer.is_closed:
            if any(one.kind == HEADERS for one in peer.frames):
                break
            peer.wait()
        else:
            return peer.answer(1)
        has_ended = any(one.flags & END_STREAM for one in peer.frames if one.kind == HEADERS)
        return peer.answer(1) if has_ended or method.takes_many else Answer(peer.frames[-1].fields)


def ask_all(server, bystander, methods, body, wanted, /, memory_bytes=8 * MEBIBYTE, **head):
    """Sends the request to each method; `wanted(method)` is its status, or the statuses it may have."""
    wrong = {}
    with bystander.watching(memory_bytes):
        for method in methods:
            answer = ask(server, method, body(method) if callable(body) else body, **head)
            right = wanted(method) if callable(wanted) else wanted
            if answer.status not in (right if isinstance(right, set) else {right}):
                wrong[method.path] = (answer.status, answer.text, answer.reset)
    assert wrong == {}


# A method that the contract has and this version has not says so as soon as it has a whole message.

def unless_absent(plain, status):
    return lambda method: UNIMPLEMENTED if plain[method.path] == UNIMPLEMENTED else status


def test_every_method_is_known_to_reflection_and_answers(server, plain):
    from grpc_reflection.v1alpha import reflection_pb2_grpc
    stub = reflection_pb2_grpc.ServerReflectionStub(server.channel())
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    listed = {service.name for reply in stub.ServerReflectionInfo(iter([request]))
              for service in reply.list_services_response.service}
    assert listed == {method.path.split("/")[1] for method in every_method()}
    assert len(plain) == len(every_method()) >= 25
    assert not {UNKNOWN, INTERNAL} & set(plain.values())


# Messages that are not protobuf.

MALFORMED = {
    "truncated bytes": STRANGE_BYTES + b"\x64ab",
    "truncated varint": STRANGE_VARINT + b"\x80",
    "truncated tag": b"\x80",
    "truncated fixed64": b"\x79" + bytes(7),
    "garbage": bytes(range(255, 200, -1)),
    "all ones": b"\xff" * 40,
    "field number zero": b"\0\0",
    "wire type six": b"\x7e",
    "wire type seven": b"\x7f",
    "end of a group that did not begin": b"\x7c",
    "group that does not end": b"\x7b",
    "group that ends as another": b"\x7b\x74",
    "varint of eleven bytes": STRANGE_VARINT + b"\xff" * 10 + b"\x01",
    "length of 64 bits": STRANGE_BYTES + b"\xff" * 9 + b"\x01",
    "length over the message": STRANGE_BYTES + b"\xff\xff\xff\xff\x07",
    "groups nested 1,000 deep": b"\x7b" * 1_000 + b"\x7c" * 1_000,
    "groups nested a million deep": b"\x7b" * (1 << 20) + b"\x7c" * (1 << 20),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_bad_protobuf_is_internal(server, bystander, plain, fault):
    ask_all(server, bystander, every_method(), message(MALFORMED[fault]), unless_absent(plain, INTERNAL),
            memory_bytes=16 * MEBIBYTE)


def field(descriptor, wire_type, value):
    tag, encoded = descriptor.number << 3 | wire_type, b""
    while tag > 0x7f:
        encoded, tag = encoded + bytes((tag & 0x7f | 0x80,)), tag >> 7
    return encoded + bytes((tag,)) + value


def bytes_field(descriptor, value):
    assert len(value) < 128
    return field(descriptor, 2, bytes((len(value),)) + value)


def in_bad_utf8(descriptor, depth=0):
    """One message for each string field that the message has, itself or in its messages: that field is not UTF-8."""
    for one in descriptor.fields:
        if one.type == FieldDescriptor.TYPE_STRING:
            yield bytes_field(one, b"a\xc3")
        elif one.type == FieldDescriptor.TYPE_MESSAGE and depth < 3:
            for inner in in_bad_utf8(one.message_type, depth + 1):
                if len(inner) < 128:
                    yield bytes_field(one, inner)


def test_text_that_is_not_utf8_is_internal(server, bystander, plain):
    methods = [method for method in every_method() if any(in_bad_utf8(method.request))]
    assert len(methods) >= 20
    for method in methods:
        for body in in_bad_utf8(method.request):
            ask_all(server, bystander, [method], message(body), unless_absent(plain, INTERNAL))


def test_fields_of_another_wire_type_are_unknown_fields(server, bystander, plain):
    # Protobuf parsers pass over them; the request is then what it is without them.
    def body(method):
        kinds = {FieldDescriptor.TYPE_FIXED32, FieldDescriptor.TYPE_SFIXED32, FieldDescriptor.TYPE_FLOAT}
        return message(b"".join(field(one, 1, bytes(8)) if one.type in kinds else field(one, 5, bytes(4))
                                for one in method.request.fields))
    ask_all(server, bystander, every_method(), body, lambda method: {plain[method.path], INTERNAL})


def test_unknown_fields_are_passed_over(server, bystander, plain):
    body = message(STRANGE_VARINT + b"\xff" * 9 + b"\x01" + STRANGE_BYTES + b"\x02ab" + b"\x7b\x7c")
    ask_all(server, bystander, every_method(), body, lambda method: plain[method.path])


# Messages that are not what their prefix says.

TWO_MESSAGES = message(STRANGE_VARINT + b"\1") * 2
FRAMING = {
    "ends within the prefix": (b"\0\0\0", INTERNAL, INTERNAL),
    "prefix too long": (message(b"\x78\x01", length=100), INTERNAL, INTERNAL),
    # What follows the shorter message begins as a second one.
    "prefix too short": (message(STRANGE_VARINT * 2 + STRANGE_VARINT * 6, length=2), UNIMPLEMENTED, INTERNAL),
    "prefix over the limit": (message(b"", length=MESSAGE_MAX + 1), RESOURCE_EXHAUSTED, RESOURCE_EXHAUSTED),
    "prefix of 4 GiB": (message(b"x", length=(1 << 32) - 1), RESOURCE_EXHAUSTED, RESOURCE_EXHAUSTED),
    "unknown flag": (message(b"", flag=2), INTERNAL, INTERNAL),
    "compressed without encoding": (message(gzip.compress(b""), flag=1), INTERNAL, INTERNAL),
    "no message": (b"", UNIMPLEMENTED, OK),
}


@pytest.mark.parametrize("fault", FRAMING)
def test_messages_that_are_not_what_their_prefix_says(server, bystander, fault):
    body, one, many = FRAMING[fault]
    ask_all(server, bystander, every_method(), body, lambda method: many if method.takes_many else one)


def test_second_message_of_a_unary_call_is_unimplemented(server, bystander):
    methods = [method for method in every_method() if not method.takes_many]
    ask_all(server, bystander, methods, TWO_MESSAGES, UNIMPLEMENTED)


def test_message_of_the_limit_is_read_and_one_over_it_is_not(server, bystander, plain):
    def body(count):
        length, encoded = count - 5, b""
        for shift in (0, 7, 14, 21):
            encoded += bytes((length >> shift & 0x7f | (0x80 if shift < 21 else 0),))
        return message(STRANGE_BYTES + encoded + bytes(length))
    # Kept once on its way in, once unpacked, and once in an answer that repeats it.
    ask_all(server, bystander, every_method(), body(MESSAGE_MAX), lambda method: plain[method.path], 64 * MEBIBYTE)
    ask_all(server, bystander, every_method(), body(MESSAGE_MAX + 1), RESOURCE_EXHAUSTED, 64 * MEBIBYTE)


# A service's name of 3 MiB, and an unknown field as large.
LARGE = {"/grpc.health.v1.Health/Watch": b"\x0a", STREAM_EVENTS: STRANGE_BYTES,
         "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": STRANGE_BYTES}


@pytest.mark.parametrize("path", LARGE)
def test_calls_that_stay_open_keep_nothing_of_large_messages(server, bystander, path):
    body = message(LARGE[path] + b"\x80\x80\xc0\x01" + bytes(3 * MEBIBYTE))
    with bystander.watching(48 * MEBIBYTE), Peer(server.grpc_address, WIDE_OPENING) as peer:
        for stream in range(1, 120, 2):
            peer.send(peer.request(body, path, end="Watch" in path))
            while not any(one.kind == DATA and one.stream == stream for one in peer.frames):
                peer.wait()


# Compression.

COMPRESSED = {
    "not gzip": (b"this is not gzip", INTERNAL),
    "cut short": (gzip.compress(STRANGE_VARINT + b"\1")[:-4], INTERNAL),
    "bad checksum": (gzip.compress(STRANGE_VARINT + b"\1")[:-8] + bytes(8), INTERNAL),
    "followed by more": (gzip.compress(STRANGE_VARINT + b"\1") + b"x", INTERNAL),
    "bomb of 64 MiB": (gzip.compress(bytes(64 * MEBIBYTE), 1), RESOURCE_EXHAUSTED),
}


@pytest.mark.parametrize("fault", COMPRESSED)
def test_bad_gzip_is_told_apart(server, bystander, fault):
    packed, status = COMPRESSED[fault]
    ask_all(server, bystander, every_method(), message(packed, flag=1), status, more=[("grpc-encoding", "gzip")],
            memory_bytes=48 * MEBIBYTE)


def test_unknown_encoding_is_unimplemented_and_says_what_is_known(server, bystander):
    head = {"more": [("grpc-encoding", "snappy")]}
    ask_all(server, bystander, every_method(), message(b"", flag=1), UNIMPLEMENTED, **head)
    for method in every_method():
        assert ask(server, method, message(b""), **head).headers["grpc-accept-encoding"] == "identity,gzip"


# Headers.

@pytest.mark.parametrize("timeout", ["", "S", "5", "5x", "123456789S", "-1S", "1.5S"])
def test_malformed_timeout_is_internal(server, bystander, timeout):
    ask_all(server, bystander, every_method(), message(b""), INTERNAL, more=[("grpc-timeout", timeout)])


@pytest.mark.parametrize("timeout", ["0S", "00000000n"])
def test_timeout_of_zero_is_deadline_exceeded(server, bystander, timeout):
    ask_all(server, bystander, every_method(), message(b""), DEADLINE_EXCEEDED, more=[("grpc-timeout", timeout)])


@pytest.mark.parametrize("name", ["grpc-trace-bin", "x-anything-bin"])
@pytest.mark.parametrize("value", ["####", "a", "YQ==YQ=="])
def test_bad_base64_in_metadata_that_nobody_reads_is_no_fault(server, bystander, plain, name, value):
    ask_all(server, bystander, every_method(), message(b""), lambda method: plain[method.path], more=[(name, value)])


@pytest.mark.parametrize("head,status", [
    ({"without": ["content-type"]}, "415"), ({"without": ["content-type"], "more": [("content-type", "text/html")]}, "415"),
    ({"without": ["content-type"], "more": [("content-type", "application/grpcx")]}, "415"),
    ({"without": ["content-type"], "more": [("content-type", "application/grpc+json")]}, "415"),
    ({"method": "GET"}, "405"), ({"method": "PUT"}, "405"), ({"method": "post"}, "405"),
])
def test_what_is_not_grpc_is_refused_by_http(server, bystander, head, status):
    with bystander.watching():
        for method in every_method():
            answer = ask(server, method, message(b""), **head)
            assert (answer.headers[":status"], answer.status) == (status, None), method.path


def bent(path):
    service, name = path.strip("/").split("/")
    return [path + "/", path[1:], path + "x", path[:-1], f"/{service}/{name.lower()}", f"/{service.upper()}/{name}",
            f"//{service}/{name}", f"/{service}", f"/{service}/", f"{path}?x=1", f"/{service}%2F{name}"]


def test_wrong_paths_are_unimplemented(server, bystander):
    with bystander.watching():
        for method in every_method():
            with Peer(server.grpc_address) as peer:
                for path in bent(method.path):
                    answer = peer.ask(message(b""), path=path)
                    # A path without its slash is no HTTP request (RFC 9113 8.3.1).
                    assert answer.status == UNIMPLEMENTED or (answer.reset == 1 and path[0] != "/"), path
