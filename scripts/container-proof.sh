#!/bin/sh
# Proves the Dockerfile where no image registry can be reached: makes base images of the same names
# from Debian packages and the installed Rust toolchain, builds the image with buildah (chroot
# isolation, vfs storage: no container engine, no kernel privileges beyond root), and runs it.
#
#   scripts/container-proof.sh bases    only make the base images
#   scripts/container-proof.sh build    bases if missing, then build the Dockerfile
#   scripts/container-proof.sh run      only run what was built
#   scripts/container-proof.sh          all of it, then `demo --once` inside the image
#
# Needs root, buildah and debootstrap; uses cargo's local registry, which `cargo fetch --locked`
# fills. Everything lives under $PROOF_DIR (default target/container-proof) and can be deleted.
set -eu

cd "$(dirname "$0")/.."
what=${1:-all}
proof=${PROOF_DIR:-$PWD/target/container-proof}
# The mirror that this machine's own packages come from.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | head -n 1)}
runtime_base=docker.io/library/debian:bookworm-slim
build_base=docker.io/library/rust:1.95-slim-bookworm
image=localhost/fencepost:proof
mkdir -p "$proof/run"

bud() { buildah --root "$proof/storage" --runroot "$proof/run" --storage-driver vfs "$@"; }
have() { bud inspect --type image "$1" >/dev/null 2>&1; }
say() { printf '== %s\n' "$*"; }

for tool in buildah debootstrap cargo rustc; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed (apt-get install buildah debootstrap)" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "debootstrap and chroot need root" >&2; exit 2; }

# A minimal Debian tree with the packages named after $1, as an image named $2 with the settings $3…
debian_image() {
    tree=$1; packages=$2; name=$3; shift 3
    say "base image $name"
    [ -f "$tree/.complete" ] || {
        rm -rf "$tree"
        debootstrap --variant=minbase ${packages:+--include="$packages"} bookworm "$tree" "$mirror" >"$tree.log" 2>&1 \
            || { tail -5 "$tree.log" >&2; exit 1; }
        rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/* "$tree"/usr/share/doc/* "$tree"/usr/share/man/*
    }
    [ -z "${toolchain:-}" ] || [ -f "$tree/.complete" ] || add_toolchain "$tree"
    touch "$tree/.complete"
    container=$(bud from scratch)
    bud add -q "$container" "$tree" / >/dev/null
    bud config --cmd bash "$@" "$container"
    bud commit -q --rm "$container" "$name" >/dev/null
}

add_toolchain() {
    mkdir -p "$1/usr/local/rustup"
    (cd "$toolchain" && tar cf - --exclude=./share/doc --exclude=./share/man .) | tar xf - -C "$1/usr/local/rustup"
}

if [ "$what" != run ]; then
    if ! have "$runtime_base"; then debian_image "$proof/debian" "" "$runtime_base"; fi
    if ! have "$build_base"; then
        toolchain=$(rustc --print sysroot)
        debian_image "$proof/rust" gcc,libc6-dev,ca-certificates "$build_base" \
            --env PATH=/usr/local/rustup/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            --env CARGO_HOME=/usr/local/cargo
    fi
    [ "$what" = bases ] && { bud images; exit 0; }

    say "fetch what Cargo.lock names"
    cargo fetch --locked
    say "build the Dockerfile"
    bud bud --isolation chroot --format docker --layers=false --pull-never --build-arg CARGO_NET_OFFLINE=true \
        --volume "${CARGO_HOME:-$HOME/.cargo}/registry:/usr/local/cargo/registry" \
        --tag "$image" --file "${PROOF_DOCKERFILE:-Dockerfile}" .
    bud images
    [ "$what" = build ] && exit 0
fi

container=$(bud from --pull-never "$image")
trap 'bud rm "$container" >/dev/null' EXIT
inside() { bud run --isolation chroot --user "${user:-10001:10001}" ${caps:-} "$container" -- "$@"; }
say "who runs"
inside id
say "the configuration in the image"
inside fencepost config check
say "demo --once inside the image"
# Some kernels want a privilege for a filter on a socket, and that is what the demonstration's
# firewalls are; the service itself runs as the image says.
user=0:0 caps=--cap-add=CAP_NET_ADMIN,CAP_BPF inside fencepost demo --once
say "the health probe against a served image"
inside sh -c 'fencepost serve & serve=$!
    tries=0
    until fencepost healthcheck --url http://127.0.0.1:8080/healthz; do
        tries=$((tries + 1)); [ $tries -lt 30 ] || { kill $serve; exit 1; }
        sleep 1
    done
    kill -TERM $serve; wait $serve'
say "proved"
