"""A connection with retries, and messages and stubs made straight from the .proto files."""
import pathlib
import sys

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]

# grpc looks for .proto files along the module path. A project of your own would rather generate once:
#   python -m grpc_tools.protoc -I Sources/Proto --python_out=OUT --grpc_python_out=OUT \
#       Sources/Proto/availability/v1/*.proto
sys.path.insert(0, str(ROOT / "Sources" / "Proto"))


def connect(address):
    """A channel in clear. Its retries wait as long as the server says (`grpc-retry-pushback-ms`)."""
    service_config = (ROOT / "Examples" / "service-config.json").read_text()
    return grpc.insecure_channel(address, options=[("grpc.service_config", service_config)])


def print_table(header, rows):
    """Columns as wide as their widest cell; numbers to the right."""
    table = [header, *rows]
    widths = [max(len(str(row[column])) for row in table) for column in range(len(header))]
    for row in table:
        cells = [str(cell).rjust(width) if isinstance(cell, int) else str(cell).ljust(width)
                 for cell, width in zip(row, widths)]
        print("  ".join(cells).rstrip())
