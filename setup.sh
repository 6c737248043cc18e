#!/bin/sh
# Set up what `make` needs, and say so: `setup.sh system` the Debian packages, `setup.sh venv` the
# virtual environment. What is there already is left alone.
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }

install_packages() {
    missing=$*
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
    if [ -n "$as_root" ] && ! command -v sudo > /dev/null; then
        say "missing: $missing; install it as root: apt-get install $missing"
        exit 1
    fi
    say "installing $missing with apt-get"
    # shellcheck disable=SC2086
    $as_root apt-get install -y -q --no-install-recommends $missing > /dev/null ||
        { say "refreshing the package lists"; $as_root apt-get update -q > /dev/null &&
            $as_root apt-get install -y -q --no-install-recommends $missing > /dev/null; }
}

case $1 in
    system)
        command -v bwrap > /dev/null || install_packages bubblewrap
        ;;
    venv)
        python=${PYTHON:-python3}
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
            { say "$python is older than Python 3.11; give another one: make PYTHON=python3.12 …"; exit 1; }
        "$python" -c 'import venv, ensurepip' 2> /dev/null || install_packages python3-venv
        if [ ! -x "$VENV/bin/python" ]; then
            say "making the virtual environment $VENV with $("$python" --version)"
            "$python" -m venv "$VENV"
        fi
        say "installing kernix and its development tools into $VENV with pip"
        "$VENV/bin/python" -m pip install -q --upgrade pip
        "$VENV/bin/python" -m pip install -q --editable . --group dev
        # With this, no first run of a verb is slower than the others, wherever bytecode is not written by itself.
        "$VENV/bin/python" -m compileall -q store derivations overlays kernix kernels.py
        ;;
esac
