"""Instructions (callgrind) and allocations (LD_PRELOAD) per request, each as the difference of two run lengths, so that
start-up and connecting cancel out."""
import re
import shutil
import struct
import subprocess
import tempfile

import harness


def stripped(binary):
    """Without debug information: valgrind would spend minutes reading it."""
    target = harness.BINARIES / f"{binary.name}.stripped"
    if harness.is_older(target, [binary]):
        harness.BINARIES.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(binary, target)
        target.chmod(0o755)
        subprocess.run(["strip", "-g", target], check=True)
    return target


def instructions(command, arguments):
    """Of a whole life of the server: start, load, stop. `command` maps a port to a command line."""
    port = harness.free_port()
    with tempfile.TemporaryDirectory() as directory:
        out = f"{directory}/callgrind"
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command(port)]
        with harness.Process(valgrind, port, core=None) as server:
            server.settle()
            harness.load(server, *arguments, core=None)
        return int(re.search(r"^(?:totals|summary): (\d+)", open(out).read(), re.MULTILINE).group(1))


def instructions_per_request(command, arguments, lengths):
    few, many = (instructions(command, [*arguments, "--requests", length]) for length in lengths)
    return (many - few) / (lengths[1] - lengths[0])


def allocations_per_request(command, arguments, lengths):
    port = harness.free_port()
    with tempfile.NamedTemporaryFile() as counter:
        counter.write(bytes(8))
        counter.flush()
        environment = {"LD_PRELOAD": str(harness.build_c("count_allocations.so")),
                       "ALLOCATION_COUNT_FILE": counter.name}

        def count():
            counter.seek(0)
            return struct.unpack("<Q", counter.read(8))[0]

        with harness.Process(command(port), port, environment=environment) as server:
            server.settle()
            # The first run fills pools and tables.
            harness.load(server, *arguments, "--requests", lengths[1])
            used = []
            for length in lengths:
                before = count()
                harness.load(server, *arguments, "--requests", length)
                used.append(count() - before)
        return (used[1] - used[0]) / (lengths[1] - lengths[0])
