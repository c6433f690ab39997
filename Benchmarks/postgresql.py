"""PostgreSQL with the same work as one function call, on a data directory of its own on the other stores' disk."""
import contextlib
import glob
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import dataset
import harness
import report
import stores

SOURCES = harness.HERE / "peers/postgresql"
CLIENTS = {False: (16, 32, 64, 128, 256), True: (1, 2, 4, 16)}
DATABASE = ["-U", "bench", "postgres"]


def program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found[-1] if found else harness.fail(f"{name} is missing: apt-get install postgresql")


def as_postgres(command):
    """PostgreSQL refuses to be root."""
    names = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return [*names, *map(str, command)]


def folder():
    """On the disk of the other stores, where its user can get to."""
    for parent in (dataset.DATA, pathlib.Path("/var/tmp")):
        reachable = subprocess.run(as_postgres(["test", "-x", parent])).returncode == 0
        if reachable and parent.stat().st_dev == dataset.DATA.stat().st_dev:
            made = pathlib.Path(tempfile.mkdtemp(prefix="postgresql-", dir=parent))
            if os.geteuid() == 0:
                shutil.chown(made, "postgres", "postgres")
            return made
    return harness.fail(f"the user postgres cannot get to {dataset.DATA}")


@contextlib.contextmanager
def running():
    """A server with the positions; stopped and taken away at the end."""
    report.progress(f"starting PostgreSQL with {stores.POSITIONS:,} positions")
    place, port = folder(), harness.free_port()
    data = place / "data"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    try:
        subprocess.run(as_postgres([program("initdb"), "-D", data, "-A", "trust", "-U", "bench", "-E", "UTF8",
                                    "--locale=C"]), check=True, capture_output=True)
        with open(data / "postgresql.conf", "a") as settings:
            settings.write(f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{place}'\n"
                           f"max_connections = 300\nshared_buffers = {memory // 4}MB\nmax_wal_size = 16GB\n"
                           "fsync = on\nsynchronous_commit = on\n")
        with harness.Process(as_postgres([program("postgres"), "-D", data]), port, core=None):
            yield PostgreSQL(place, port)
    finally:
        shutil.rmtree(place)


class PostgreSQL:
    def __init__(self, place, port):
        self.folder, self.best = place, {}
        self.address = ["-h", place, "-p", port]
        # It listens before it is ready.
        while subprocess.run([program("pg_isready"), "-q", *map(str, self.address)]).returncode != 0:
            time.sleep(0.05)
        self._psql("-v", f"positions={stores.POSITIONS}", "-f", SOURCES / "schema.sql")
        self._psql("-c", "VACUUM ANALYZE", "-c", "CHECKPOINT")

    def _psql(self, *arguments):
        command = [program("psql"), *self.address, "-qtA", "-v", "ON_ERROR_STOP=1", *arguments, *DATABASE]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode != 0:
            harness.fail(f"psql: {done.stderr}")
        return done.stdout.strip()

    def run(self, one_sku, seconds):
        """With the number of clients that was best at the first look."""
        if one_sku not in self.best:
            looks = {clients: self._run(one_sku, clients, 3) for clients in CLIENTS[one_sku]}
            self.best[one_sku] = max(looks, key=lambda clients: looks[clients]["requests_per_second"])
        return self._run(one_sku, self.best[one_sku], seconds)

    def _run(self, one_sku, clients, seconds):
        report.progress(f"PostgreSQL, {clients} clients")
        # No checkpoint before a run: it would pay for a whole page of log at each first touch after it.
        self._psql("-c", "TRUNCATE reservation, request, outbox")
        script = SOURCES / ("one.sql" if one_sku else "random.sql")
        with tempfile.TemporaryDirectory() as logs:
            synced, written = self._syncs(), stores.written_bytes(self.folder)
            command = [program("pgbench"), *self.address, "-n", "-M", "prepared", "-f", script, "-c", clients, "-j", 2,
                       "-T", seconds, "-D", f"positions={stores.POSITIONS}", "-l", f"--log-prefix={logs}/log",
                       *DATABASE]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
            if done.returncode != 0:
                harness.fail(f"pgbench: {done.stderr}")
            speed = float(re.search(r"tps = ([\d.]+)", done.stdout).group(1))
            written, synced = stores.written_bytes(self.folder) - written, self._syncs() - synced
            latencies = sorted(int(line.split()[2]) for log in pathlib.Path(logs).iterdir() for line in open(log))
        count = len(latencies)
        return {"requests": count, "requests_per_second": speed, "commits_per_second": synced / seconds,
                "p50_us": latencies[count // 2], "p99_us": latencies[count * 99 // 100],
                "bytes_per_request": written / count, "clients": clients}

    def _syncs(self):
        return int(self._psql("-c", "SELECT wal_sync FROM pg_stat_wal"))
