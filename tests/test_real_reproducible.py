"""Building again with a real toolchain: other clocks and orders of directories are found, and a kernel is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

BUILDERS = """
from derivations.context import current
from derivations.debian.rootfs import root_file_system
from derivations.derivation import Derivation

root = root_file_system("gcc", current().lock()).out

def script(name, text):
    return Derivation(name=name, system="x86_64-linux", builder="/bin/sh", args=["-euc", text], mounts={"/": root})

month = script("month", "date +%Y-%m > /out/out")
found = script("found", "cd /usr/include; find linux > /out/out")
packed = script("packed", "cd /usr/include; tar -cf /out/out --mtime=@1 linux/can asm-generic")
steady = script("steady", "cd /usr/include; find linux | sort > /out/out; uname -r >> /out/out")
compiled = script("compiled", "printf 'const char *at(void) { return __TIME__; }' | gcc -c -g -x c -o /out/out -")
"""


LOCK = "reproducible.lock"


@pytest.fixture
def kernix(real: Kernix) -> Kernix:
    """Return kernix with a lock of its own that has the package set `faketime`, too."""
    real.add_lock(LOCK, "faketime")
    real.define("builders.py", BUILDERS)
    return real


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        pytest.param("month", "timestamp", id="the clock"),
        pytest.param("found", "line order", id="order of find"),
        pytest.param("packed", "archive order", id="order of tar"),
        pytest.param("compiled", "timestamp", id="a time in an object"),
    ],
)
def test_what_differs(kernix: Kernix, name: str, cause: str) -> None:
    """What a build takes from the clock or from the order of directories is found, and its cause named."""
    done = kernix.run("build", "--lock", LOCK, "-f", "builders.py", "--no-link", "--rounds", "1", name, code=104)
    assert f"cause: {cause}: " in done.stdout
    assert "is not changed" not in done.stderr


def test_steady(kernix: Kernix) -> None:
    """A build that sorts what it finds is the same, and so is what `uname` says."""
    done = kernix.run("build", "--lock", LOCK, "-f", "builders.py", "--no-link", "--rounds", "4", "steady")
    assert "steady came out the same in 4 rounds\n" in done.stderr


@pytest.mark.long
def test_kernel(kernix: Kernix) -> None:
    """`linux_micro` is the same, byte for byte, when it is built again under other conditions; that is remembered."""
    done = kernix.run("build", "--lock", LOCK, "--no-link", "--rounds", "1", "linux_micro")
    assert "is the same: built again under 1 processor" in done.stderr
    assert "clock 100 days ahead" in done.stderr
    shown = kernix.run("verify", "--lock", LOCK, "--reproducible", "linux_micro").stdout
    for output in ("out", "modules", "build", "debug"):
        assert f"linux_micro, {output}: reproducible: the same each of " in shown
