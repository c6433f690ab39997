#!/usr/bin/env python3
"""Checks the public protos: buf's STANDARD rules, a comment on everything, each file compiles alone.

    scripts/lint-proto.py [ROOT]        ROOT is the import root, by default Sources/Proto

Files under availability/ are checked in full; the others, which are not ours, only for compiling alone. Prints
file:line: rule: text, and ends with 1 if there is anything to say. Needs protoc and nothing else.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

LOWER_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
UPPER_SNAKE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
PASCAL = re.compile(r"([A-Z][a-z0-9]*)+")
PACKAGE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*(\.[a-z][a-z0-9]*(_[a-z0-9]+)*)*")
VERSION = re.compile(r"v[1-9][0-9]*((p[1-9][0-9]*)?(alpha|beta)[1-9][0-9]*)?|v[1-9][0-9]*test.*")

# Options that must be equal in all files of a package, by field number of google.protobuf.FileOptions.
SAME_OPTIONS = {
    1: "JAVA_PACKAGE", 10: "JAVA_MULTIPLE_FILES", 11: "GO_PACKAGE", 37: "CSHARP_NAMESPACE", 39: "SWIFT_PREFIX",
    41: "PHP_NAMESPACE", 45: "RUBY_PACKAGE",
}
REQUIRED = 2  # google.protobuf.FieldDescriptorProto.Label


class Message:
    """A serialized message: its values by field number, in order. Just enough of protobuf to read descriptors."""

    def __init__(self, data):
        self.values = {}
        offset = 0
        while offset < len(data):
            tag, offset = varint(data, offset)
            if tag & 7 == 0:
                value, offset = varint(data, offset)
            elif tag & 7 == 2:
                length, offset = varint(data, offset)
                value, offset = data[offset:offset + length], offset + length
            else:
                size = {1: 8, 5: 4}[tag & 7]
                value, offset = data[offset:offset + size], offset + size
            self.values.setdefault(tag >> 3, []).append(value)

    def messages(self, number):
        return [Message(value) for value in self.values.get(number, [])]

    def message(self, number):
        return Message(b"".join(self.values.get(number, [])))

    def text(self, number):
        return self.values.get(number, [b""])[-1].decode()

    def texts(self, number):
        return [value.decode() for value in self.values.get(number, [])]

    def integer(self, number):
        return self.values.get(number, [0])[-1]

    def integers(self, number):
        """The numbers of a packed field."""
        numbers, data, offset = [], b"".join(self.values.get(number, [])), 0
        while offset < len(data):
            value, offset = varint(data, offset)
            numbers.append(value)
        return tuple(numbers)

    @property
    def name(self):
        return self.text(1)


def varint(data, offset):
    value = shift = 0
    while True:
        byte = data[offset]
        value |= (byte & 0x7F) << shift
        offset, shift = offset + 1, shift + 7
        if byte < 0x80:
            return value, offset


def upper_snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).upper()


class File:
    """One of our files and what is wrong with it. Paths lead to declarations as in google.protobuf.SourceCodeInfo."""

    def __init__(self, path, descriptor):
        self.path, self.descriptor, self.findings = path, descriptor, []
        self.package = descriptor.text(2)
        self.locations = {
            location.integers(1): location for location in descriptor.message(9).messages(1)
        }

    def find(self, path, rule, text):
        location = self.locations.get(tuple(path))
        line = location.integers(2)[0] + 1 if location else 1
        self.findings.append((self.path, line, rule, text))

    def expect(self, condition, path, rule, text):
        if not condition:
            self.find(path, rule, text)

    def expect_comment(self, path, kind, name):
        location = self.locations.get(tuple(path))
        comment = location.text(3).strip() or location.text(4).strip() if location else ""
        self.expect(comment, path, "COMMENT", f"{kind} {name} has no comment")

    def lint(self):
        descriptor = self.descriptor
        file = pathlib.PurePosixPath(self.path)
        self.expect(descriptor.text(12) == "proto3", (12,), "SYNTAX_SPECIFIED", "syntax must be proto3")
        self.expect(LOWER_SNAKE.fullmatch(file.stem), (), "FILE_LOWER_SNAKE_CASE", f"{file.name}")
        self.expect(self.package, (), "PACKAGE_DEFINED", "no package")
        self.expect(PACKAGE.fullmatch(self.package), (2,), "PACKAGE_LOWER_SNAKE_CASE", self.package)
        last = self.package.rsplit(".", 1)[-1]
        self.expect(VERSION.fullmatch(last), (2,), "PACKAGE_VERSION_SUFFIX", f"{self.package} ends with no version")
        directory = self.package.replace(".", "/")
        self.expect(str(file.parent) == directory, (2,), "PACKAGE_DIRECTORY_MATCH", f"belongs into {directory}")
        self.expect(10 not in descriptor.values, (10, 0), "IMPORT_NO_PUBLIC", "public import")
        self.expect(11 not in descriptor.values, (11, 0), "IMPORT_NO_WEAK", "weak import")
        for index, message in enumerate(descriptor.messages(4)):
            self.lint_message(message, (4, index))
        for index, enum in enumerate(descriptor.messages(5)):
            self.lint_enum(enum, (5, index))
        for index, service in enumerate(descriptor.messages(6)):
            self.lint_service(service, (6, index))

    def lint_message(self, message, path):
        if message.message(7).integer(7):
            return  # The entry of a map, which nobody wrote.
        self.expect(PASCAL.fullmatch(message.name), path + (1,), "MESSAGE_PASCAL_CASE", message.name)
        self.expect_comment(path, "message", message.name)
        fields = message.messages(2)
        for index, field in enumerate(fields):
            at, name = path + (2, index), f"{message.name}.{field.name}"
            self.expect(LOWER_SNAKE.fullmatch(field.name), at + (1,), "FIELD_LOWER_SNAKE_CASE", name)
            self.expect(field.integer(4) != REQUIRED, at, "FIELD_NOT_REQUIRED", name)
            self.expect_comment(at, "field", name)
        synthetic = {field.integer(9) for field in fields if field.integer(17)}
        for index, oneof in enumerate(message.messages(8)):
            if index not in synthetic:
                at, name = path + (8, index), f"{message.name}.{oneof.name}"
                self.expect(LOWER_SNAKE.fullmatch(oneof.name), at, "ONEOF_LOWER_SNAKE_CASE", name)
                self.expect_comment(at, "oneof", name)
        for index, nested in enumerate(message.messages(3)):
            self.lint_message(nested, path + (3, index))
        for index, enum in enumerate(message.messages(4)):
            self.lint_enum(enum, path + (4, index))

    def lint_enum(self, enum, path):
        self.expect(PASCAL.fullmatch(enum.name), path + (1,), "ENUM_PASCAL_CASE", enum.name)
        self.expect(not enum.message(3).integer(2), path, "ENUM_NO_ALLOW_ALIAS", enum.name)
        self.expect_comment(path, "enum", enum.name)
        prefix = upper_snake(enum.name) + "_"
        for index, value in enumerate(enum.messages(2)):
            at = path + (2, index)
            self.expect(UPPER_SNAKE.fullmatch(value.name), at, "ENUM_VALUE_UPPER_SNAKE_CASE", value.name)
            self.expect(value.name.startswith(prefix), at, "ENUM_VALUE_PREFIX", f"{value.name} lacks {prefix}")
            self.expect_comment(at, "enum value", value.name)
            if index == 0:
                self.expect(value.integer(2) == 0, at, "ENUM_FIRST_VALUE_ZERO", value.name)
            if value.integer(2) == 0:
                suffixed = value.name == prefix + "UNSPECIFIED"
                self.expect(suffixed, at, "ENUM_ZERO_VALUE_SUFFIX", f"{value.name} is not {prefix}UNSPECIFIED")

    def lint_service(self, service, path):
        self.expect(PASCAL.fullmatch(service.name), path + (1,), "SERVICE_PASCAL_CASE", service.name)
        self.expect(service.name.endswith("Service"), path + (1,), "SERVICE_SUFFIX", service.name)
        self.expect_comment(path, "service", service.name)
        messages = {message.name: message for message in self.descriptor.messages(4)}
        for index, method in enumerate(service.messages(2)):
            at, name = path + (2, index), f"{service.name}.{method.name}"
            self.expect(PASCAL.fullmatch(method.name), at + (1,), "RPC_PASCAL_CASE", name)
            self.expect_comment(at, "rpc", name)
            request, response = (method.text(number).rsplit(".", 1)[-1] for number in (2, 3))
            for actual, kind in ((request, "Request"), (response, "Response")):
                allowed = (method.name + kind, service.name + method.name + kind)
                self.expect(actual in allowed, at, f"RPC_{kind.upper()}_STANDARD_NAME", f"{actual} is not {allowed[0]}")
            if method.name.startswith("List"):
                self.lint_paging(messages.get(request), messages.get(response), at, name)

    def lint_paging(self, request, response, path, name):
        """AIP-158: every List is paged from its first day."""
        for message, wanted in ((request, ("page_size", "page_token")), (response, ("next_page_token",))):
            names = {field.name for field in message.messages(2)} if message else set()
            for field in wanted:
                self.expect(field in names, path, "LIST_IS_PAGED", f"{name} lacks {field}")


def lint_together(files):
    """The rules about several files."""
    first_use, packages = {}, {}
    for file in files:
        packages.setdefault(file.package, file)
        for number, rule in SAME_OPTIONS.items():
            value, expected = (x.descriptor.message(8).values.get(number) for x in (file, packages[file.package]))
            file.expect(value == expected, (8, number), f"PACKAGE_SAME_{rule}", f"{value} is not {expected}")
        same = pathlib.PurePosixPath(file.path).parent == pathlib.PurePosixPath(packages[file.package].path).parent
        file.expect(same, (2,), "PACKAGE_SAME_DIRECTORY", f"{file.package} is also in {packages[file.package].path}")
        for index, service in enumerate(file.descriptor.messages(6)):
            for position, method in enumerate(service.messages(2)):
                at = (6, index, 2, position)
                for used in (method.text(2), method.text(3)):
                    name = f"{service.name}.{method.name}"
                    other = first_use.setdefault(used, name)
                    unique = other == name and method.text(2) != method.text(3)
                    file.expect(unique, at, "RPC_REQUEST_RESPONSE_UNIQUE", f"{used} is also used by {other}")


def compile_alone(root, path):
    """The file's descriptor, or None; and what protoc has to say, where a warning (an unused import) counts too."""
    with tempfile.NamedTemporaryFile() as out:
        run = subprocess.run(
            ["protoc", "-I", str(root), "--include_source_info", f"--descriptor_set_out={out.name}", path],
            capture_output=True, text=True, check=False)
        descriptors = Message(pathlib.Path(out.name).read_bytes()).messages(1) if run.returncode == 0 else []
    findings = []
    for said in (run.stderr + run.stdout).splitlines():
        place = re.match(r"([^:]+):(\d+):\d+: (?:warning: )?(.*)", said)
        rule = "IMPORT_USED" if "is unused" in said else "COMPILE"
        findings.append((place[1], int(place[2]), rule, place[3]) if place else (path, 1, rule, said))
    return (descriptors[0] if descriptors else None), findings


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "Sources/Proto")
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.proto"))
    if not any(path.startswith("availability/") for path in paths):
        sys.exit(f"{root}: no protos under availability/")
    files, findings = [], []
    for path in paths:
        descriptor, said = compile_alone(root, path)
        ours = path.startswith("availability/")
        findings += [finding for finding in said if ours or finding[2] == "COMPILE"]
        if ours and descriptor:
            files.append(File(path, descriptor))
    for file in files:
        file.lint()
    lint_together(files)
    for file in files:
        findings += file.findings
    for path, line, rule, text in sorted(set(findings)):
        print(f"{root / path}:{line}: {rule}: {text}")
    print(f"{len(paths)} files, {len(set(findings))} findings", file=sys.stderr)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
