"""What the tests from outside share: the real server as a process, its public API, certificates."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]

# Seconds that a step may take before it counts as failed. Only a bound for a step that hangs: no test measures time.
PATIENCE = 60
