"""The real server as a process: started on free ports, stopped, killed, started again on the same data."""
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request

import grpc

from . import PATIENCE, ROOT
from .metrics import samples, values

SERVER = pathlib.Path(os.environ.get("AVAILABILITY_SERVER", ROOT / ".build" / "release" / "availability-server"))
AVAIL = pathlib.Path(os.environ.get("AVAILABILITY_AVAIL", SERVER.parent / "avail"))

# The sample's places and channels without its stock: a server of a test's own starts at once.
SMALL = """
locations: {WH1: , WH2: , WH3: , WH4: , WH5: , WH6: }
groups: {EAST: [WH1, WH2, WH3], WEST: [WH4, WH5, WH6]}
channels:
  web: {sourcing: [WH1, WH2, WH3, WH4], buffer: 2}
  marketplace: {sourcing: [WH1, EAST], share_percent: 50, cap: 500}
  b2b: {sourcing: [EAST, WEST], floor: 5}
"""


def clean_environment(**added):
    """This process's environment without settings of the server or the client, plus `added`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AVAILABILITY_", "AVAIL_"))}
    return {**kept, "SWIFT_BACKTRACE": "enable=no", **added}


def eventually(condition, what):
    """The first true value of `condition()`; fails when there is none for very long."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come about: {what}")
        time.sleep(0.02)


def run(*arguments, environment=None, timeout=PATIENCE, **options):
    """Runs a subcommand of the server binary, or any program given by its path, to its end."""
    program = [] if isinstance(arguments[0], pathlib.Path) else [SERVER]
    return subprocess.run([*program, *arguments], env=clean_environment(**(environment or {})), text=True,
                          capture_output=True, timeout=timeout, **options)


class Server:
    """One data directory and at most one process on it. Without a configuration it is in development mode."""

    def __init__(self, directory, *arguments, configuration=SMALL, environment=None, data=None, listen="127.0.0.1:0"):
        self.directory = pathlib.Path(directory)
        self.data = data or self.directory / "data"
        self.listen = listen
        self.arguments = [str(argument) for argument in arguments]
        self.configuration = configuration
        self.environment = environment or {}
        self.process = None
        self.starts = 0
        self.grpc_address = None
        self.http_address = None
        self._log_path = None
        self._channels = []

    def command(self):
        command = [SERVER, "serve", "--listen", self.listen, "--http", "127.0.0.1:0", "--data", self.data]
        if self.configuration is not None:
            path = self.directory / "server.yaml"
            path.write_text(self.configuration)
            command += ["--config", path]
        return [str(part) for part in command] + self.arguments

    def start(self):
        """Starts a process and waits until it is ready."""
        assert self.process is None, "it runs already"
        self.starts += 1
        self._log_path = self.directory / f"server-{self.starts}.log"
        environment = clean_environment(AVAILABILITY_LOG_FORMAT="json", **self.environment)
        with open(self._log_path, "wb") as log, open(self.directory / f"server-{self.starts}.out", "wb") as out:
            self.process = subprocess.Popen(self.command(), env=environment, stderr=log, stdout=out,
                                            stdin=subprocess.DEVNULL)
        line = eventually(self._listening, "the line that says where the server listens")
        self.grpc_address, self.http_address = line["grpc"], line["http"]
        eventually(lambda: self.get("/readyz")[0] == 200, "readiness")
        return self

    def _listening(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log_text()}")
        return next((line for line in self.logs() if line.get("message") == "listening"), None)

    def log_text(self):
        return self._log_path.read_text(errors="replace")

    def logs(self):
        """The log's lines as flat dictionaries; metadata stands beside the message."""
        lines = []
        for text in self.log_text().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                lines.append({**line, **(line.get("metadata") or {})})
        return lines

    def get(self, path):
        """The status and text of a page of the HTTP port; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.http_address}{path}", timeout=PATIENCE) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def samples(self):
        """The metrics page, by name and labels."""
        return samples(self.get("/metrics")[1])

    def metric(self, name, **labels):
        """The value of the one sample of that name with at least those labels."""
        found = values(self.samples(), name, **labels)
        assert len(found) == 1, (name, labels, found)
        return found[0]

    def channel(self, credentials=None, **options):
        """A connection of its own: no two channels share one."""
        settings = [("grpc.use_local_subchannel_pool", 1), *options.items()]
        if credentials is None:
            channel = grpc.insecure_channel(self.grpc_address, options=settings)
        else:
            channel = grpc.secure_channel(self.grpc_address, credentials, options=settings)
        self._channels.append(channel)
        return channel

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Waits for the process to end by itself and returns its exit code."""
        code = self.process.wait(timeout=PATIENCE)
        self._forget()
        return code

    def terminate(self):
        """SIGTERM, the orderly end; returns the exit code."""
        self.close_channels()
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        """kill -9: the process gets no chance to put anything in order."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        self._forget()

    def restart(self):
        """An orderly end and a new process on the same data."""
        assert self.terminate() == 0
        return self.start()

    def stop(self):
        """Leaves no process behind. One that ended by itself, unasked, is a failure."""
        self.close_channels()
        if self.process is None:
            return
        is_alive = self.get("/livez")[0] == 200
        self.process.kill()
        self.process.wait()
        self.process = None
        assert is_alive, f"the server had ended by itself:\n{self.log_text()[-2_000:]}"

    def close_channels(self):
        """Ends every connection made here."""
        for channel in self._channels:
            channel.close()
        self._channels = []

    def _forget(self):
        self.close_channels()
        self.process = None
