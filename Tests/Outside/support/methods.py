"""Every method of the server, taken from the protos themselves."""
import functools
import os
import pathlib
import tempfile
from dataclasses import dataclass

import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor
from grpc_tools import protoc

from .protos import PROTOS


@dataclass(frozen=True)
class Method:
    path: str
    request: Descriptor
    takes_many: bool
    answers_many: bool


@functools.cache
def every_method():
    """The methods of all services, in the order of their files."""
    files = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    common = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "set"
        arguments = ["protoc", f"-I{PROTOS}", f"-I{common}", "--include_imports", f"--descriptor_set_out={target}"]
        assert protoc.main(arguments + files) == 0
        found = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in found.file:
        pool.Add(file)
    return [
        Method(f"/{file.package}.{service.name}/{method.name}",
               pool.FindMessageTypeByName(method.input_type.lstrip(".")),
               method.client_streaming, method.server_streaming)
        for file in found.file for service in file.service for method in service.method]
