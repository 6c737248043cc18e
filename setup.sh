#!/bin/sh
# Install what `make` needs, and say what is installed. Existing programs are left alone.
#
#   setup.sh venv     the virtual environment $VENV: kernix and its development tools
#   setup.sh demo     the programs that kernix itself runs
#   setup.sh tests    those, and the programs that the tests run
#   setup.sh ci       the additional programs that .ci/run runs
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# need PROGRAM:PACKAGE... installs the packages of the programs that are missing on this machine.
need() {
    missing=
    PATH=$PATH:/usr/sbin:/sbin
    for it; do command -v "${it%%:*}" > /dev/null || missing="$missing ${it#*:}"; done
    [ -z "$missing" ] || install_packages "${missing# }"
}

# install_packages "PACKAGE..." installs them, as root or with sudo, or says how to.
install_packages() {
    command -v apt-get > /dev/null || fail "missing: $1; apt-get is not available; install them with this machine's package manager"
    by_hand="install it as root: apt-get install $1"
    if [ "$(id -u)" = 0 ]; then
        as_root=
        export DEBIAN_FRONTEND=noninteractive
    else
        command -v sudo > /dev/null || fail "missing: $1; sudo is not available; $by_hand"
        if ! sudo -n true 2> /dev/null; then
            # Without a terminal, nobody can type a password.
            [ -t 0 ] || fail "missing: $1; sudo requires a password; $by_hand"
            say "missing: $1; sudo may ask for your password to install it"
            sudo -v || fail "sudo refuses; $by_hand"
        fi
        as_root=sudo
    fi
    say "installing $1 with ${as_root:+sudo }apt-get"
    refreshed=
    # shellcheck disable=SC2086
    apt_get install -y -q --no-install-recommends $1 || {
        # The lists may be empty, or older than the archive.
        say "refreshing the package lists"
        # Without network it reports errors, but still succeeds.
        apt_get update -q && refreshed=$errors && apt_get install -y -q --no-install-recommends $1
    } || {
        printf '%s\n' ${refreshed:+"$refreshed"} "$errors" >&2
        fail "cannot install $1; see above, then $by_hand"
    }
}

# apt_get ARGUMENT... runs apt-get as root and keeps its errors in $errors, to be printed only on failure.
apt_get() { errors=$($as_root apt-get "$@" 2>&1 > /dev/null); }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; }

# find_python sets $python to $PYTHON or, if that is too old, to the newest one of another name.
find_python() {
    python=${PYTHON:-python3}
    if new_enough "$python"; then return; fi
    if [ "$python" = python3 ]; then
        for python in python3.14 python3.13 python3.12 python3.11; do
            if new_enough "$python"; then return; fi
        done
        python=python3
    fi
    if found=$("$python" --version 2>&1); then say "$python is $found; kernix needs Python 3.11 or later"
    else say "$python does not run; kernix needs Python 3.11 or later"; fi
    say "on Debian 12 and later, install it with: apt-get install python3"
    say "elsewhere, uv installs one (https://docs.astral.sh/uv): uv python install 3.13"
    # shellcheck disable=SC2016
    fail 'then give its path: make PYTHON="$(uv python find 3.13)" …'
}

# make_venv creates $VENV unless it is up to date: with this Python, in this directory, for these requirements.
make_venv() {
    find_python
    stamp=$("$python" -c 'import sys; print(sys.base_prefix, sys.version.split()[0])'; pwd; cksum pyproject.toml setup.sh)
    if [ -f "$VENV/ready" ] && [ "$stamp" = "$(cat "$VENV/ready")" ] && "$VENV/bin/python" -c ''; then return; fi
    "$python" -c 'import venv, ensurepip' 2> /dev/null ||
        install_packages "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    say "creating the virtual environment $VENV with $("$python" --version)"
    "$python" -m venv --clear "$VENV"
    say "installing kernix and its development tools into $VENV with pip"
    "$VENV/bin/python" -m pip install -q --upgrade pip
    "$VENV/bin/python" -m pip install -q --editable . --group dev
    # Otherwise, where bytecode is not written automatically, runs would be slower.
    "$VENV/bin/python" -m compileall -q store derivations overlays kernix kernels.py
    printf '%s\n' "$stamp" > "$VENV/ready"
}

case $1 in
    venv) make_venv ;;
    demo) need bwrap:bubblewrap ;;
    # Servers begin to serve when they are installed, which is not for everybody's machine: their tests skip without them.
    ci)
        need debootstrap:debootstrap nginx:"nginx-light libnginx-mod-http-dav-ext" docker-registry:docker-registry skopeo:skopeo
        ;;
    tests)
        # Only root can mount file systems.
        if [ "$(id -u)" = 0 ]; then mkfs=mkfs.ext4:e2fsprogs; else mkfs=; fi
        # shellcheck disable=SC2086
        need bwrap:bubblewrap ps:procps git:git gpg:gpg gpgconf:gpgconf gpg-agent:gpg-agent gpgv:gpgv tmux:tmux perl:perl-base \
            patch:patch gzip:gzip bzip2:bzip2 xz:xz-utils zstd:zstd lz4:lz4 awk:mawk cpio:cpio nix-store:nix-bin \
            objdump:binutils mcopy:mtools sbsign:sbsigntool openssl:openssl $mkfs
        ;;
esac
