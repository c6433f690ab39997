#!/usr/bin/env bash
# Installs what the trial ERP needs and this machine lacks: PostgreSQL 15 from Debian, Tryton from PyPI into .venv-erp.
# Safe to run any number of times; prints nothing when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/../.."

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=()
for package in postgresql-15 postgresql-client-15 python3 python3-venv curl; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing: ${missing[*]}" >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! cmp -s scripts/erp/requirements.txt .venv-erp/requirements.txt; then
    # The system's python: the one of a version manager may be built without what psycopg needs.
    /usr/bin/python3 -m venv --clear .venv-erp
    .venv-erp/bin/pip install -q --disable-pip-version-check -r scripts/erp/requirements.txt
    cp scripts/erp/requirements.txt .venv-erp/requirements.txt
    echo '*' >.venv-erp/.gitignore
fi
