"""Add a Linux tree that is already in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.filled import filled
from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate


if TYPE_CHECKING:
    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


NIX = "nix-store --add"


def measure(bench: Workbench) -> Result:
    """Measure against Nix."""
    tree, stores = bench.tree, filled(bench)
    nix = stores.nix
    contestants: dict[str, Contestant] = {KERNIX: lambda _: bench.seconds(stores.home, "add", tree)}
    if nix is not None:
        contestants[NIX] = lambda _: nix.seconds("nix-store", "--add", tree)
    times = alternate(bench.rounds, contestants, bench.scratch)
    return Result(
        name="add-again",
        what="adding the same tree again, unchanged",
        times=times,
        bounds=(Bound(peer=NIX, factor=0.12),),
    )
