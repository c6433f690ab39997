#!/usr/bin/env bash
# Makes .venv with what the tests from outside need; does nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cmp -s Tests/Outside/requirements.txt .venv/requirements.txt; then
    python3 -m venv .venv
    .venv/bin/pip install -q --disable-pip-version-check -r Tests/Outside/requirements.txt
    cp Tests/Outside/requirements.txt .venv/requirements.txt
fi
