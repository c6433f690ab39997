"""Python stubs of the public API, generated into a temporary folder: nothing generated is committed."""
import importlib
import os
import sys

import grpc_tools
from grpc_tools import protoc

from . import ROOT

PROTOS = ROOT / "Sources" / "Proto"


def generate(folder):
    """Generates the messages and stubs of availability.v1 into `folder` and makes them importable.

    The google.rpc messages come from googleapis-common-protos, health and reflection from their own packages.
    """
    files = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / "availability" / "v1").glob("*.proto"))
    arguments = ["protoc", f"-I{PROTOS}", f"-I{os.path.join(os.path.dirname(grpc_tools.__file__), '_proto')}",
                 f"--python_out={folder}", f"--grpc_python_out={folder}", *files]
    status = protoc.main(arguments)
    if status != 0:
        raise RuntimeError(f"protoc ended with {status}")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
