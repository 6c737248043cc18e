"""Explain an option of a kernel whose configuration is resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.configured import KERNEL, configured
from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate


if TYPE_CHECKING:
    from benchmarks.workbench import Workbench


OPTION = "KGDB_SERIAL_CONSOLE"
LIMIT = 0.5


def measure(bench: Workbench) -> Result:
    """Measure the whole process. No other tool answers this question."""
    home = configured(bench)
    words = ("config", "explain", KERNEL, OPTION)
    bench.run(home, *words)
    return Result(
        name="explanation",
        what=f"`kernix {' '.join(words)}`, everything else built, whole process",
        times=alternate(bench.rounds, {KERNIX: lambda _: bench.seconds(home, *words)}, bench.scratch),
        bounds=(Bound(floor=LIMIT),),
    )
