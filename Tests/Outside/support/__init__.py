"""What the tests from outside share: the real server as a process, its public API, certificates."""
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]

# Seconds that a step may take before it counts as failed. Only a bound for a step that hangs: no test measures time.
PATIENCE = 60


def free_port():
    """A port for what cannot be told to take any."""
    return int(subprocess.run([ROOT / "scripts/free-port.py"], capture_output=True, check=True).stdout)
