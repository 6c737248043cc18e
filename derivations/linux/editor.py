"""The kernel's own configuration editors, and the environment to run them in: a toolchain with ncurses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.debian.rootfs import root_file_system
from derivations.derivation import Derivation, Hints, Output
from derivations.linux.configuration import ENVIRONMENT
from derivations.linux.script import SHELL, script
from derivations.union import union
from store.gc.retention import Retention


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.debian.lock import Lock
    from derivations.toolchain import Toolchain


SET = "ncurses"
"""The package set that is needed in addition to the toolchain."""


def editor_root(toolchain: Toolchain, lock: Lock) -> Derivation:
    """Return the root file system of *toolchain*, with the ncurses that *lock* pins if the toolchain lacks it.

    Raises:
        MissingSet: the lock does not pin ncurses.
    """
    inputs = [root_file_system(SET, lock).out, toolchain.root]
    return union(f"{toolchain.root.derivation.name}-{SET}", inputs, conflicts="last")


def editors(sources: Output, root: Output, system: str, flags: Sequence[str] = ()) -> Derivation:
    """Return the editors of the config tree *sources*, compiled, laid out as in the output directory of make.

    They are compiled in *root* and must run there too; *flags* are make's.
    """
    return Derivation(
        name="linux-kconfig-editors",
        system=system,
        builder=SHELL,
        args=script("editors", *flags),
        env=ENVIRONMENT,
        mounts={"/": root, "/src": sources},
        hints=Hints(description="compile the kernel's editors of configurations", retention=Retention.TOOLCHAIN),
    )
