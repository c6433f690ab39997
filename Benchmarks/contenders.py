"""The servers that are compared: how each is started on a port, cleartext or TLS, and what the load generator needs."""
import functools
import shutil
import subprocess

import dataset
import harness


class Contender:
    """`hash_map`: keeps its figures in memory of its own; `counted`: valgrind and LD_PRELOAD can look into it."""

    load_arguments = []
    counted = True
    hash_map = True
    takes_events = False

    def __init__(self, name, binary):
        self.name, self.binary = name, binary

    def command(self, port, positions, tls=None, binary=None):
        return [binary or harness.BINARIES / self.binary, port, positions, *(tls or [])]

    def start(self, positions, tls=None):
        port = harness.free_port()
        return harness.Process(self.command(port, positions, tls), port)


class Ours(Contender):
    """Each start has a copy of the data set of its own: one store has one server, and runs with a writer change it."""

    hash_map = False
    takes_events = True

    def __init__(self, name, *flags):
        super().__init__(name, None)
        self.flags, self.copies = flags, 0

    def command(self, port, positions, tls=None, binary=None):
        return harness.serve_command(dataset.directory(positions), port, *self.flags, tls=tls, binary=binary)

    def start(self, positions, tls=None, *more):
        port = harness.free_port()
        self.copies += 1
        data = dataset.DATA / f"run-{self.name.replace(' ', '-')}-{self.copies}"
        shutil.rmtree(data, ignore_errors=True)
        dataset.copy(positions, data)
        process = harness.Process(harness.serve_command(data, port, *self.flags, *more, tls=tls), port)
        process.at_end.append(lambda: shutil.rmtree(data, ignore_errors=True))
        return process


class Limit(Contender):
    hash_map = False

    def command(self, port, positions, tls=None, binary=None):
        harness.build_c("limit")
        return [binary or harness.BINARIES / "limit", dataset.directory(positions), port, *(tls or [])]


class Redis(Contender):
    load_arguments = ["--redis"]
    counted = False

    def command(self, port, positions, tls=None, binary=None):
        listening = ["--port", port]
        if tls:
            listening = ["--port", 0, "--tls-port", port, "--tls-cert-file", tls[0], "--tls-key-file", tls[1],
                         "--tls-ca-cert-file", tls[0], "--tls-auth-clients", "no"]
        return [harness.BINARIES / "redis", *listening, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def start(self, positions, tls=None):
        process = super().start(positions, tls)
        fill_redis(process, positions, tls)
        return process


def fill_redis(process, positions, tls):
    """Sets every sku to what the channel may sell of it, through redis-cli's mass insertion."""
    command = ["redis-cli", "-p", str(process.port), "--pipe"]
    if tls:
        command += ["--tls", "--insecure"]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for position in range(positions):
        value = b"%d" % dataset.available(position)
        client.stdin.write(b"*3\r\n$3\r\nSET\r\n$11\r\nSKU-%07d\r\n$%d\r\n%s\r\n" % (position, len(value), value))
    said, _ = client.communicate()
    if b"errors: 0" not in said:
        harness.fail(f"Redis was not filled: {said}")


class Uncounted(Contender):
    # Go's runtime has its own stacks and memory, and valgrind gives up on grpc-swift.
    counted = False


@functools.cache
def knows_flag(flag):
    return flag in subprocess.run([harness.SERVER, "serve", "--help"], capture_output=True, text=True).stdout


def build(name):
    subprocess.run([harness.HERE / "peers/build.sh", name], check=True)


def all_contenders(names=None):
    """Those asked for, built; all by default. A server without a hot table has one row."""
    ours = [Ours("ours, LMDB", "--hot-table-enabled", "false"), Ours("ours, hot table", "--hot-table-enabled", "true")]
    if not knows_flag("--hot-table-enabled"):
        ours = [Ours("ours, LMDB")]
    peers = [Limit("C limit", "limit"), Contender("gRPC C++", "grpc-cpp"), Uncounted("gRPC-Go", "grpc-go"),
             Uncounted("grpc-swift-2", "grpc-swift"), Redis("Redis", "redis")]
    chosen = [one for one in ours + peers if not names or any(name in one.name for name in names)]
    for one in chosen:
        if one.binary == "limit":
            harness.build_c("limit")
        elif one.binary:
            build(one.binary)
    return chosen
