"""Unpack Debian's Linux source into a store object, durably."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate, seconds
from benchmarks.workbench import clear, find


if TYPE_CHECKING:
    from benchmarks.workbench import Workbench


TAR = "tar xf, sync"

_DEFINITIONS = """\
from derivations import local_file, unpack

archive = local_file({archive!r})
tree = unpack(archive)
"""


def measure(bench: Workbench) -> Result:
    """Measure against tar; the archive is already in the store."""
    archive, home, copy = bench.archive, bench.scratch / "home", bench.scratch / "copy"
    file = bench.scratch / "unpack.py"
    file.write_text(_DEFINITIONS.format(archive=str(archive)), encoding="utf-8")

    def kernix(_: int) -> float:
        bench.run(home, "build", "-f", file, "archive", "--no-link")
        taken = bench.seconds(home, "build", "-f", file, "tree", "--no-link")
        clear(home)
        return taken

    def tar(_: int) -> float:
        copy.mkdir()
        taken = seconds([find("tar"), "xf", archive], env=os.environ, cwd=copy, durable=copy)
        clear(copy)
        return taken

    return Result(
        name="unpack",
        what="unpacking linux-source's .tar.xz into a store object, durable",
        times=alternate(bench.rounds, {KERNIX: kernix, TAR: tar}, bench.scratch),
        bounds=(Bound(peer=TAR, factor=1.2),),
    )
