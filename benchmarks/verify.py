"""Read every byte of a Linux tree in the store and check it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.filled import filled
from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate


if TYPE_CHECKING:
    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


NIX = "nix-store --verify-path"


def measure(bench: Workbench) -> Result:
    """Measure against Nix; the tree is the only object of either store."""
    stores = filled(bench)
    nix, path = stores.nix, stores.nix_path
    contestants: dict[str, Contestant] = {KERNIX: lambda _: bench.seconds(stores.home, "verify", "--contents")}
    if nix is not None:
        contestants[NIX] = lambda _: nix.seconds("nix-store", "--verify-path", path)
    times = alternate(bench.rounds, contestants, bench.scratch)
    return Result(
        name="verify",
        what="verifying that tree's contents",
        times=times,
        bounds=(Bound(peer=NIX, factor=0.7),),
    )
