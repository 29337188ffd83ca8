#!/usr/bin/env bash
# Installs the Debian packages that the tests run against: real name servers, a resolver and a mail
# server. Nothing is started here; each test starts its own daemons with private folders and stops
# them again. Does nothing where everything is there already.
set -euo pipefail

packages=(knot unbound postfix)
binaries=(/usr/sbin/knotd /usr/sbin/unbound /usr/sbin/postfix)

missing=0
for binary in "${binaries[@]}"; do [ -x "$binary" ] || missing=1; done
[ "$missing" = 0 ] && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "tests: ${packages[*]} are needed; install them, or run this as root on Debian" >&2
  exit 1
fi

# A package must not start a daemon by itself.
policy=/usr/sbin/policy-rc.d
placed=0
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  placed=1
fi
trap '[ "$placed" = 0 ] || rm -f "$policy"' EXIT

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
