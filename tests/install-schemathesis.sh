#!/usr/bin/env bash
# Installs schemathesis from PyPI into a virtual environment in the target folder, and prints where its program is. Does
# nothing where it is there already. Needs python3 with venv.
set -euo pipefail

version=4.32.5
here=$(cd "$(dirname "$0")/.." && pwd)
place=${CARGO_TARGET_DIR:-$here/target}/schemathesis-$version

if [ ! -x "$place/bin/st" ]; then
  rm -rf "$place"
  trap 'rm -rf "$place"' ERR
  python3 -m venv "$place" >&2
  "$place/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" >&2
fi
echo "$place/bin/st"
