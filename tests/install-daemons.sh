#!/usr/bin/env bash
# Installs the Debian packages that the tests run against: real name servers, resolvers, mail servers,
# a packet filter, PostgreSQL and a browser with its driver; and, from npm, the rules of accessibility
# that the pages are held to. Exim and OpenSMTPD conflict with Postfix as packages, so they are unpacked into
# the target folder and run from there. Nothing is started here; each test starts its own daemons with
# private folders and stops them again. Does nothing where everything is there already.
set -euo pipefail

packages=(knot unbound postfix nsd bind9 pdns-server pdns-backend-bind nftables iproute2 postgresql-15 systemd chromium chromium-driver)
binaries=(/usr/sbin/{knotd,unbound,postfix,nsd,named,pdns_server,nft} /usr/bin/{ss,systemd-analyze} /usr/lib/postgresql/15/bin/postgres
  /usr/bin/{chromium,chromedriver})
command -v npm >/dev/null || { packages+=(npm); binaries+=(/usr/bin/npm); }
unpacked=(exim4-daemon-light exim4-base opensmtpd)
# What the unpacked ones need; unpacked too where it is not installed.
libraries=(libdb5.3 libevent-2.1-7 libgnutls-dane0 libgnutls30 libidn12 libidn2-0 libnsl2 libpcre2-8-0 libtirpc3 libunbound8)

here=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$here/target}
cache=$target/daemons
# The rules are a file that the browser tests put into the pages; any 4.x will do, this one is known to.
axe=axe-core@4.14.1
rules=$target/npm/node_modules/axe-core/axe.min.js

missing=0
for binary in "${binaries[@]}"; do [ -x "$binary" ] || missing=1; done
unpack=0
for binary in exim4 smtpd; do [ -x "$cache/root/usr/sbin/$binary" ] || unpack=1; done
install_rules() {
  [ ! -s "$rules" ] || return 0
  mkdir -p "$target/npm"
  npm install --prefix "$target/npm" --no-audit --no-fund --no-save --ignore-scripts --loglevel=error "$axe" >/dev/null ||
    echo "tests: npm could not install $axe; the browser tests are left out (in CI they fail)" >&2
}
if [ "$missing$unpack" = 00 ]; then
  install_rules
  exit 0
fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "tests: ${packages[*]} ${unpacked[*]} are needed; install them, or run this as root on Debian" >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq

if [ "$missing" = 1 ]; then
  # A package must not start a daemon by itself.
  policy=/usr/sbin/policy-rc.d
  placed=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    placed=1
  fi
  trap '[ "$placed" = 0 ] || rm -f "$policy"' EXIT
  # Tests make their own databases: the package need not make one.
  clusters=/etc/postgresql-common/createcluster.conf
  [ -e "$clusters" ] || { mkdir -p "${clusters%/*}"; echo "create_main_cluster = false" >"$clusters"; }
  apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "${packages[@]}" >/dev/null
fi

if [ "$unpack" = 1 ]; then
  for library in "${libraries[@]}"; do
    dpkg-query -W -f '${Status}' "$library" 2>/dev/null | grep -q '^install ok installed' || unpacked+=("$library")
  done
  rm -rf "$cache"
  mkdir -p "$cache/deb" "$cache/root"
  (cd "$cache/deb" && apt-get download -qq "${unpacked[@]}" 2>/dev/null)
  for package in "$cache"/deb/*.deb; do dpkg -x "$package" "$cache/root"; done
  # On a merged /usr, a real /lib would hide the system's.
  if [ -d "$cache/root/lib" ]; then
    cp -a "$cache/root/lib/." "$cache/root/usr/lib/"
    rm -rf "$cache/root/lib"
  fi
fi
install_rules
