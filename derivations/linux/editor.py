"""Where the kernel's own editors of configurations run: a toolchain with ncurses in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.debian.rootfs import root_file_system
from derivations.union import union


if TYPE_CHECKING:
    from derivations.debian.lock import Lock
    from derivations.derivation import Derivation
    from derivations.toolchain import Toolchain


SET = "ncurses"
"""The set of packages that is needed besides the toolchain's."""


def editor_root(toolchain: Toolchain, lock: Lock) -> Derivation:
    """Return the root file system of *toolchain*, with ncurses as *lock* pins it where the toolchain has none.

    Raises:
        MissingSet: the lock does not pin ncurses.
    """
    inputs = [root_file_system(SET, lock).out, toolchain.root]
    return union(f"{toolchain.root.derivation.name}-{SET}", inputs, conflicts="last")
