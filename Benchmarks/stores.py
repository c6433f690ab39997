"""The stores that reservations are measured on: a million positions and one sku of which there is plenty."""
import contextlib
import datetime
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import time

import dataset
import harness
import report

POSITIONS = 1_000_000
# What everybody wants in the runs of one sku, and how much there is of it.
HOT_NUMBER, HOT_UNITS = 9_999_999, 1_000_000_000
CONFIGURATION = harness.HERE / "reservations.yaml"
# Reservations in an aged store, which pruning takes away, two for each that is added; their holds ran out after a
# second. Older than the week for which the server keeps what is over.
AGED = 2_000_000
AGE = datetime.timedelta(days=8)
PAGE = 4096
# In an LMDB meta page, after the page's header: the transaction that wrote it.
TRANSACTION_OFFSET = 16 + 128


def configuration(erp):
    """The file to serve with: with the embedded ERP, or with none."""
    if erp:
        return CONFIGURATION
    made = harness.BINARIES / "reservations-without-erp.yaml"
    harness.BINARIES.mkdir(parents=True, exist_ok=True)
    made.write_text(CONFIGURATION.read_text() + "erps: {}\n")
    return made


def fresh():
    """The imported positions; made the first time and kept for later runs."""
    return kept(f"reservations-{dataset.SCHEMA}", import_positions)


def aged():
    """The same with reservations that are long over."""
    return kept(f"reservations-aged-{dataset.SCHEMA}", import_and_age)


def kept(name, make):
    wanted, made = dataset.DATA / name, dataset.DATA / f"{name}.part"
    if not wanted.exists():
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        make(made)
        made.rename(wanted)
    return wanted


def import_positions(target, clock=()):
    report.progress(f"importing {POSITIONS:,} positions")
    command = [*clock, harness.SERVER, "import", "-", "--format", "csv", "--config", configuration(False), "--data",
               target]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    time_then = (datetime.datetime.now(datetime.timezone.utc) - AGE).strftime("%Y-%m-%dT%H:%M:%SZ")
    process.stdin.write("sku,location,on_hand,occurred_at\n")
    for position in range(POSITIONS):
        process.stdin.write(f"SKU-{position:07d},WH1,{dataset.on_hand(position)},{time_then}\n")
    process.stdin.write(f"SKU-{HOT_NUMBER},WH1,{HOT_UNITS},{time_then}\n")
    process.stdin.close()
    said = process.stdout.read()
    if process.wait() != 0:
        harness.fail(f"the import failed:\n{said}")


def import_and_age(target):
    """By a clock of the past, so that today the reservations are older than what is kept."""
    clock = ["faketime", "-f", f"-{AGE.days}d"]
    import_positions(target, clock)
    report.progress(f"making {AGED:,} reservations that run out")
    with serve(target, clock=clock) as server:
        harness.load(server, "--reserve", "--patient", "--connections", 4, "--streams", 64, "--ttl", 1,
                     "--requests", AGED, core=None)
        time.sleep(5)
        # The command waits for the server, and passes no signals on.
        children = pathlib.Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        server.child.wait(60)


def serve(data, erp=False, clock=()):
    """The server on both cores."""
    port = harness.free_port()
    command = [*clock, harness.SERVER, "serve", "--config", configuration(erp), "--data", data,
               "--listen", f"127.0.0.1:{port}", "--http", "127.0.0.1:0", "--log-format", "json"]
    # A program under faketime may find no arguments; then it fails here and not on the data of somebody else.
    astray = {"AVAILABILITY_LISTEN": "127.0.0.1:0", "AVAILABILITY_HTTP": "127.0.0.1:0",
              "AVAILABILITY_DATA": f"{data}.astray"} if clock else {}
    return harness.Process(command, port, core=None, environment=astray)


@contextlib.contextmanager
def copy(source):
    """A copy that a run may spoil, written page by page. In larger pieces it would lie in the page cache in large
    folios, in which Linux 6.16 and later write single pages at half the speed."""
    target = dataset.DATA / "reservations-run"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    try:
        for file in source.iterdir():
            subprocess.run(["dd", f"if={file}", f"of={target / file.name}", f"bs={PAGE}", "status=none"], check=True)
        os.sync()
        yield target
    finally:
        shutil.rmtree(target, ignore_errors=True)


def commits(data):
    """The newest transaction, by the two meta pages."""
    with open(data / "data.mdb", "rb") as file:
        start = file.read(2 * PAGE)
    return max(struct.unpack_from("<Q", start, page + TRANSACTION_OFFSET)[0] for page in (0, PAGE))


def written_bytes(directory):
    """By the device that a directory lies on, since the machine started; nothing when it has no such count."""
    device = pathlib.Path(directory).stat().st_dev
    for line in pathlib.Path("/proc/diskstats").read_text().splitlines():
        fields = line.split()
        if (int(fields[0]), int(fields[1])) == (os.major(device), os.minor(device)):
            return int(fields[9]) * 512
    return 0
