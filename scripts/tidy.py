#!/usr/bin/env python3
"""Enforces the house rules a compiler does not: who may import whom, file length, leftovers. Stdlib only.

Prints one line per finding and ends with 1 if there is any.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINES_MAX = 400

SYSTEM = {"Glibc", "Synchronization", "Dispatch"}
# Module -> what it may import besides itself. Imports point inward; the domain knows nobody (docs/architecture.md).
ALLOWED = {
    "Calls": set(),
    "Inventory": {"Synchronization"},
    "LMDB": {"CLMDB", "Glibc"},
    "Ledger": {"LMDB", "Inventory", "Foundation", "FoundationEssentials"} | SYSTEM,
    "HotTable": {"CMemory", "Inventory", "Glibc", "Synchronization"},
    "Engine": {"HeapModule", "HotTable", "Ledger", "Inventory", "Foundation", "FoundationEssentials"} | SYSTEM,
    "Erp": {"Engine", "Inventory", "Synchronization"},
    "Tryton": {"Engine", "Erp", "Inventory", "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "Foundation", "FoundationEssentials"} | SYSTEM,
    "Feeds": {"Calls", "Engine", "HeapModule", "Inventory", "Records", "Crypto", "Logging", "Foundation",
              "FoundationEssentials"} | SYSTEM,
    "JetStream": {"CNATS", "Engine", "Feeds", "Inventory"} | SYSTEM,
    "Webhooks": {"Engine", "Feeds", "Inventory", "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOSSL", "Foundation",
                 "FoundationEssentials"} | SYSTEM,
    "RPC": {"Calls", "CLinux", "CNGHTTP2", "COpenSSL", "CZlib"} | SYSTEM,
    "Proto": {"SwiftProtobuf", "Foundation"},
    "Services": {"Calls", "Engine", "Feeds", "HotTable", "Inventory", "Ledger", "Proto", "SwiftProtobuf", "Foundation", "FoundationEssentials"} | SYSTEM,
    "Records": {"Inventory"},
    "Catalogue": {"Engine", "Inventory", "Ledger", "Records", "Foundation", "FoundationEssentials"} | SYSTEM,
    "Configure": {"Inventory", "Configuration", "Yams", "SystemPackage", "Foundation", "FoundationEssentials"} | SYSTEM,
    "Operations": {"Calls", "Hummingbird", "HummingbirdCore", "HTTPTypes", "Logging", "NIOCore", "ServiceLifecycle", "Foundation",
                   "FoundationEssentials"} | SYSTEM,
}
C_MODULES = {"CLMDB": "LMDB", "CMemory": "HotTable", "CNATS": "JetStream", "CNGHTTP2": "RPC", "COpenSSL": "RPC", "CZlib": "RPC", "CLinux": "RPC"}
IMPORT = re.compile(r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:public|internal|package|private|fileprivate)?\s*import\s+"
                    r"(?:struct|class|enum|func|protocol|let|var|typealias)?\s*([A-Za-z_][\w]*)")
# Timers of the Swift runtime depend on the wall clock (Sources/Engine/AlarmClock.swift); only the client may use them.
TIMER = re.compile(r"\bTask\.sleep\b")
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|not implemented yet|simplified for now")


def tracked_files():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True,
                         text=True)
    return [ROOT / line for line in out.stdout.splitlines() if (ROOT / line).is_file()]


def main():
    findings = []
    for path in tracked_files():
        name = path.relative_to(ROOT).as_posix()
        if re.search(r"(^|/)\.build/|\.(o|mdb)$", name):
            findings.append(f"{name}: built or data files are not committed")
            continue
        if path.suffix not in {".swift", ".py", ".sh", ".md", ".proto", ".yaml", ".yml", ".h"} and path.name != "Makefile":
            continue
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        generated = "/Generated/" in name or name.startswith(("Sources/Proto/google/", "Sources/Proto/grpc/"))
        if name.startswith(("Sources/", "Tests/", "Benchmarks/")) and not generated and name != "scripts/tidy.py":
            for number, line in enumerate(lines, 1):
                if LEFTOVER.search(line):
                    findings.append(f"{name}:{number}: leftover: {line.strip()}")
                if name.startswith("Sources/") and "/AvailCommands/" not in name and TIMER.search(line):
                    findings.append(f"{name}:{number}: AlarmClock, not Task.sleep")
        if path.suffix == ".swift" and not generated:
            if len(lines) > LINES_MAX:
                findings.append(f"{name}: {len(lines)} lines, at most {LINES_MAX}: is it one thing?")
            findings += import_findings(name, lines)
        if not generated and text and not text.endswith("\n"):
            findings.append(f"{name}: no newline at the end")
        for number, line in enumerate(lines, 1):
            if not generated and line != line.rstrip() and path.suffix != ".md":
                findings.append(f"{name}:{number}: trailing space")
                break
    for finding in findings:
        print(finding)
    print(f"tidy: {len(findings)} findings")
    return 1 if findings else 0


def import_findings(name, lines):
    parts = name.split("/")
    if len(parts) < 3 or parts[0] != "Sources":
        return []
    module, found = parts[1], []
    for number, line in enumerate(lines, 1):
        match = IMPORT.match(line)
        if not match:
            continue
        imported = match.group(1)
        owner = C_MODULES.get(imported)
        if owner and owner != module:
            found.append(f"{name}:{number}: only {owner} imports {imported}")
        elif module in ALLOWED and imported != module and imported not in ALLOWED[module]:
            found.append(f"{name}:{number}: {module} may not import {imported}")
    return found


if __name__ == "__main__":
    sys.exit(main())
