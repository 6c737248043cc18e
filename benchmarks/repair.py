"""Find a way to satisfy a blocked request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.configured import KERNEL, configured
from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate


if TYPE_CHECKING:
    from benchmarks.workbench import Workbench


REQUESTS = ("DRM_NOUVEAU=m", "ZRAM=m", "KGDB_SERIAL_CONSOLE=y", "IWLMVM=m")
"""All are blocked in the kernel by options that are off, some through several layers."""
LIMIT = 5


def measure(bench: Workbench) -> Result:
    """Measure one request after another, each in its own process; the slowest counts."""
    home = configured(bench)
    words = [("config", "fix", KERNEL, request) for request in REQUESTS]
    slowest: dict[str, float] = {}

    def kernix(_: int) -> float:
        times = {it[-1]: bench.seconds(home, *it) for it in words}
        for request, taken in times.items():
            slowest[request] = max(taken, slowest.get(request, 0))
        return max(times.values())

    times = alternate(bench.rounds, {KERNIX: kernix}, bench.scratch)
    listed = ", ".join(f"{request} {taken:.2f} s" for request, taken in slowest.items())
    return Result(
        name="repair",
        what=f"`kernix config fix {KERNEL} X=y`, the slowest of {len(REQUESTS)} requests, whole process",
        times=times,
        bounds=(Bound(floor=LIMIT),),
        notes=(f"the slowest run of each: {listed}",),
    )
