"""Build a thousand trivial derivations, each in its own sandbox, into an empty store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report import KERNIX, Bound, Result
from benchmarks.thousand import JOBS, thousand
from benchmarks.timing import alternate
from benchmarks.workbench import clear


if TYPE_CHECKING:
    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


NIX = "nix-store -r"


def measure(bench: Workbench) -> Result:
    """Measure against Nix, which has its derivations already instantiated; kernix also evaluates them."""
    derivations, home = thousand(bench), bench.scratch / "home"
    nix = bench.nix

    def kernix(_: int) -> float:
        bench.reset(home)
        return bench.seconds(home, *derivations.arguments)

    contestants: dict[str, Contestant] = {KERNIX: kernix}
    if nix is not None:

        def peer(_: int) -> float:
            paths = derivations.instantiate(nix)
            return nix.seconds("nix-store", "-r", "-j", str(JOBS), *paths, durable=True)

        contestants[NIX] = peer
    times = alternate(bench.rounds, contestants, bench.scratch)
    clear(home)
    if nix is not None:
        nix.clear()
    return Result(
        name="build",
        what=f"{len(derivations.attributes)} trivial independent derivations, sandboxed, cold, {JOBS} jobs",
        times=times,
        bounds=(Bound(peer=NIX, factor=0.5),),
    )
