"""Build a thousand derivations that are all built already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report import KERNIX, Bound, Result
from benchmarks.thousand import thousand
from benchmarks.timing import alternate
from benchmarks.workbench import clear


if TYPE_CHECKING:
    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


NIX = "nix-store -r"
MORE = 3
"""So short a run is repeated this many times as often."""


def measure(bench: Workbench) -> Result:
    """Measure against a bound in seconds, with Nix beside it."""
    derivations, home = thousand(bench), bench.scratch / "home"
    nix = bench.nix
    bench.run(home, *derivations.arguments)
    contestants: dict[str, Contestant] = {KERNIX: lambda _: bench.seconds(home, *derivations.arguments)}
    if nix is not None:
        paths = derivations.instantiate(nix)
        nix.run("nix-store", "-r", *paths)
        contestants[NIX] = lambda _: nix.seconds("nix-store", "-r", *paths)
    times = alternate(bench.rounds * MORE, contestants, bench.scratch)
    clear(home)
    if nix is not None:
        nix.clear()
    return Result(
        name="build-again",
        what=f"the same {len(derivations.attributes)}, nothing to do",
        times=times,
        bounds=(Bound(floor=0.35),),
    )
