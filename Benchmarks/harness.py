"""What all benchmarks share: where things are, building the C programs, starting a server, running the load."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / ".build"
BINARIES = BUILD / "bench"
SERVER = pathlib.Path(os.environ.get("AVAILABILITY_SERVER", BUILD / "release/availability-server"))
CONFIGURATION = HERE / "availability-server.yaml"
SERVER_CORE, LOAD_CORE = "0", "1"

C_PROGRAMS = {
    "load": (HERE / "load", ["-lnghttp2", "-lssl", "-lcrypto"]),
    "limit": (HERE / "peers/limit", ["-lnghttp2", "-llmdb", "-lssl", "-lcrypto"]),
    "count_allocations.so": (HERE / "probes", ["-shared", "-fPIC"]),
}


def fail(text):
    sys.exit(f"bench: {text}")


def is_older(target, sources):
    return not target.exists() or any(source.stat().st_mtime > target.stat().st_mtime for source in sources)


def build_c(name):
    folder, flags = C_PROGRAMS[name]
    sources, target = sorted(folder.glob("*.c")), BINARIES / name
    if is_older(target, [*sources, *folder.glob("*.h")]):
        BINARIES.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", target, *sources, *flags], check=True)
    return target


def free_port():
    return int(subprocess.run([ROOT / "scripts/free-port.py"], capture_output=True, check=True).stdout)


class Process:
    """A server under test, pinned to its core; stopped at the end of the `with` block."""

    def __init__(self, command, port, core=SERVER_CORE, environment=None, patience_seconds=120):
        self.port = port
        self.at_end = []
        self.log = tempfile.TemporaryFile("w+")
        pinned = ["taskset", "-c", core] if core else []
        self.child = subprocess.Popen([*pinned, *map(str, command)], stdout=self.log, stderr=self.log,
                                      env={**os.environ, **(environment or {})})
        self.pid = self.child.pid
        self._wait_for_port(patience_seconds)

    def _wait_for_port(self, patience_seconds):
        until = time.monotonic() + patience_seconds
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.child.poll() is not None:
                break
            time.sleep(0.02)
        self.stop()
        fail(f"{self.child.args} did not listen:\n{self.said()}")

    def said(self):
        self.log.seek(0)
        return self.log.read()[-4000:]

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settle(self):
        """Waits until it burns no CPU: what it builds in the background is there then. At most a minute."""
        for _ in range(240):
            before = self.cpu_seconds()
            time.sleep(0.25)
            if self.cpu_seconds() - before < 0.05:
                return

    def memory_bytes(self):
        """Anonymous and file-backed resident memory."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        values = dict(line.split(":", 1) for line in status.splitlines())
        return tuple(int(values[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile"))

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(60)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        while self.at_end:
            self.at_end.pop()()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def serve_command(data, port, *more, binary=None, tls=None):
    command = [binary or SERVER, "serve", "--config", CONFIGURATION, "--data", data, "--listen", f"127.0.0.1:{port}",
               "--http", "127.0.0.1:0", "--log-format", "json"]
    if "--loops" not in more:
        command += ["--loops", "1"]
    if tls:
        command += ["--tls-certificate", tls[0], "--tls-private-key", tls[1]]
    return [*command, *more]


def certificate():
    """A self-signed certificate and its key, P-256."""
    files = BINARIES / "certificate.pem", BINARIES / "key.pem"
    if not all(file.exists() for file in files):
        BINARIES.mkdir(parents=True, exist_ok=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-keyout", files[1], "-out", files[0], "-days", "3650", "-subj", "/CN=localhost"],
                       check=True, capture_output=True)
    return files


def load_command(server, *arguments, core=LOAD_CORE):
    pinned = ["taskset", "-c", core] if core else []
    return [*pinned, str(build_c("load")), "--port", str(server.port), "--pid", str(server.pid),
            *map(str, arguments)]


def load(server, *arguments, core=LOAD_CORE):
    """Runs the load generator once and gives its figures; ends the benchmark when an answer was wrong."""
    done = subprocess.run(load_command(server, *arguments, core=core), capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{done.args} ended with {done.returncode}:\n{done.stdout}{done.stderr}\n"
             f"The server said:\n{server.said()}")
    return json.loads(done.stdout)


class background:
    """A load generator that runs beside what the `with` block does."""

    def __init__(self, command):
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self):
        said, errors = self.child.communicate(timeout=120)
        if self.child.returncode != 0:
            fail(f"{self.child.args} ended with {self.child.returncode}:\n{said}{errors}")
        return json.loads(said)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.communicate()
