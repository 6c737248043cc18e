"""Add an unpacked Linux tree to an empty store, durably."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate, seconds
from benchmarks.workbench import clear, find


if TYPE_CHECKING:
    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


NIX, CP = "nix-store --add", "cp -a, sync"


def measure(bench: Workbench) -> Result:
    """Measure against Nix and against a plain copy."""
    tree, home, copy = bench.tree, bench.scratch / "home", bench.scratch / "copy"
    nix = bench.nix

    def kernix(_: int) -> float:
        bench.reset(home)
        taken = bench.seconds(home, "add", tree)
        clear(home)
        return taken

    def plain(_: int) -> float:
        taken = seconds([find("cp"), "-a", tree, copy], env=os.environ, cwd=bench.scratch, durable=bench.scratch)
        clear(copy)
        return taken

    contestants: dict[str, Contestant] = {KERNIX: kernix, CP: plain}
    if nix is not None:

        def peer(_: int) -> float:
            nix.reset()
            taken = nix.seconds("nix-store", "--add", tree, durable=True)
            nix.clear()
            return taken

        contestants[NIX] = peer
    return Result(
        name="add",
        what="adding an unpacked Linux tree, durable",
        times=alternate(bench.rounds, contestants, bench.scratch),
        bounds=(Bound(peer=NIX, factor=0.7), Bound(peer=CP, factor=1.25)),
    )
