"""Add a Linux tree that is in the store already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate
from benchmarks.workbench import clear


if TYPE_CHECKING:
    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


NIX = "nix-store --add"


def measure(bench: Workbench) -> Result:
    """Measure against Nix."""
    tree, home = bench.tree, bench.scratch / "home"
    nix = bench.nix
    bench.run(home, "add", tree)
    contestants: dict[str, Contestant] = {KERNIX: lambda _: bench.seconds(home, "add", tree)}
    if nix is not None:
        nix.reset()
        nix.run("nix-store", "--add", tree)
        contestants[NIX] = lambda _: nix.seconds("nix-store", "--add", tree)
    times = alternate(bench.rounds, contestants, bench.scratch)
    clear(home)
    if nix is not None:
        nix.clear()
    return Result(
        name="add-again",
        what="adding the same tree again, unchanged",
        times=times,
        bounds=(Bound(peer=NIX, factor=0.12),),
    )
