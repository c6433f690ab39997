"""The data sets: one sku a position, one location; the figures follow from the number (see load/dataset.c)."""
import datetime
import shutil
import subprocess
import zlib

from harness import BUILD, CONFIGURATION, ROOT, SERVER, fail

DATA = BUILD / "bench-data"
# Kept stores are made anew when the layout's description changes.
SCHEMA = f"{zlib.crc32((ROOT / 'Sources/Ledger/Schema.swift').read_bytes()):08x}"


def on_hand(position):
    return 5 + position * 7919 % 997


def available(position):
    """What the channel of availability-server.yaml may sell of it."""
    stock = on_hand(position) - 3
    return min(stock - 2, stock * 80 // 100)


def directory(positions):
    """A ledger of so many positions, imported the first time it is asked for and kept for later runs."""
    wanted = DATA / f"{positions}-{SCHEMA}"
    if wanted.exists():
        return wanted
    made = DATA / f"{positions}.part"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    write(made, positions)
    made.rename(wanted)
    return wanted


def write(target, positions):
    """Imports the data set into an empty directory. About 6 seconds a million positions."""
    command = [SERVER, "import", "-", "--format", "csv", "--config", CONFIGURATION, "--data", target]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    process.stdin.write("sku,location,on_hand,occurred_at\n")
    for position in range(positions):
        process.stdin.write(f"SKU-{position:07d},WH1,{on_hand(position)},{time}\n")
    process.stdin.close()
    said = process.stdout.read()
    if process.wait() != 0:
        fail(f"the import failed:\n{said}")


def copy(positions, target):
    """A copy that a run with writes may spoil."""
    shutil.copytree(directory(positions), target)
    return target
