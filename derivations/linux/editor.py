"""The kernel's own editors of configurations, and where they run: a toolchain with ncurses in it."""

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
"""The set of packages that is needed besides the toolchain's."""


def editor_root(toolchain: Toolchain, lock: Lock) -> Derivation:
    """Return the root file system of *toolchain*, with ncurses as *lock* pins it where the toolchain has none.

    Raises:
        MissingSet: the lock does not pin ncurses.
    """
    inputs = [root_file_system(SET, lock).out, toolchain.root]
    return union(f"{toolchain.root.derivation.name}-{SET}", inputs, conflicts="last")


def editors(sources: Output, root: Output, system: str, flags: Sequence[str] = ()) -> Derivation:
    """Return the editors of the config tree *sources*, as make finds them compiled in its output directory.

    They are made in *root*, where they have to run, too; *flags* are make's.
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
