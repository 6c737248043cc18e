"""Kernels for other machines than this one, cross-compiled and booted in their QEMU: the one that compiles fastest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

SETS = {
    "aarch64-linux": ("gcc-aarch64", "qemu-arm"),
}
MACHINE = {"aarch64-linux": "aarch64"}


@pytest.mark.parametrize("system", SETS)
@pytest.mark.long
def test_it_boots(real: Kernix, system: str) -> None:
    """`linux_micro` boots on the system, and its guest says which machine it is."""
    if missing := set(SETS[system]) - set(real.lock().sets):
        real.run("lock", *(word for name in sorted(missing) for word in ("--add", name)))

    done = real.run("boot", "--system", system, "linux_micro")

    assert done.stdout.startswith("Linux (none) ")
    assert MACHINE[system] == done.stdout.split()[-1]


def test_a_kernel_for_one_system(real: Kernix) -> None:
    """A kernel for other systems is refused before anything is built, and the error names these."""
    error = real.run("build", "--system", "riscv64-linux", "linux_guest", code=1).stderr

    assert "supports x86_64-linux, not riscv64-linux\nhint: `--system x86_64-linux`" in error
