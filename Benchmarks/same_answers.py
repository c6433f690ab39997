"""Whether two servers answer the same requests with the same bytes, but for what must differ: ages and sequences."""
import tempfile

import harness

AGE, SEQUENCE, LINES = 6, 3, 1
SHAPES = [["--lines", 1], ["--lines", 1, "--locations"], ["--lines", 100], ["--lines", 100, "--locations"]]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data, left_out):
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        value, at = varint(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        if tag >> 3 not in left_out:
            yield tag, value


def messages(data):
    """The replies in a dump of the load generator, field by field."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at + 1:at + 5], "big")
        reply, at = data[at + 5:at + 5 + length], at + 5 + length
        yield [(tag, list(fields(value, {AGE}))) if tag >> 3 == LINES else (tag, value)
               for tag, value in fields(reply, {SEQUENCE})]


def answers(server, shape, positions):
    with tempfile.NamedTemporaryFile() as dump:
        # One call at a time, so that the order of the answers is the order of the questions.
        harness.load(server, *shape, "--positions", positions, "--connections", 1, "--streams", 1, "--requests", 300,
                     "--seed", 42, "--dump", dump.name)
        return list(messages(dump.read()))


def check(server, other, positions):
    for shape in SHAPES:
        one, two = (answers(each, shape, positions) for each in (server, other))
        # The epoch is the store's own, and the copies are of one store.
        if one != two:
            harness.fail(f"the answers differ, {shape}: {next(pair for pair in zip(one, two) if pair[0] != pair[1])}")
