"""Add a Linux tree that differs in a hundred files from one in the store."""

from __future__ import annotations

import os
import statistics

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.filled import filled
from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate, run
from benchmarks.workbench import clear, find


if TYPE_CHECKING:
    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


NIX = "nix-store --add"
CHANGES = 100


def measure(bench: Workbench) -> Result:
    """Measure against Nix, and how much the store grows."""
    tree, stores, copy = bench.tree, filled(bench), bench.scratch / "changed"
    home, nix = stores.home, stores.nix
    clear(copy)
    run([find("cp"), "-a", tree, copy], env=os.environ, cwd=bench.scratch)
    files = sorted(path for path in copy.rglob("*.c") if path.is_file())
    files = files[:: max(1, len(files) // CHANGES)][:CHANGES]
    growth: list[int] = []
    changed: set[int] = set()

    def change(number: int) -> None:
        if number not in changed:  # the first call in this round
            changed.add(number)
            for path in files:
                with path.open("a", encoding="utf-8") as file:
                    file.write(f"/* {number} */\n")

    def kernix(number: int) -> float:
        change(number)
        before = disk_usage(bench, home)
        taken = bench.seconds(home, "add", copy)
        growth.append(disk_usage(bench, home) - before)
        bench.run(home, "gc", "--all")
        return taken

    contestants: dict[str, Contestant] = {KERNIX: kernix}
    if nix is not None:

        def peer(number: int) -> float:
            change(number)
            taken = nix.seconds("nix-store", "--add", copy, durable=True)
            for place in nix.store.glob("*-changed"):
                nix.run("nix-store", "--delete", place)
            return taken

        contestants[NIX] = peer
    size = disk_usage(bench, home)
    times = alternate(bench.rounds, contestants, bench.scratch)
    clear(copy)
    grown = statistics.median(growth)
    return Result(
        name="add-changed",
        what=f"adding a tree that differs from it in {CHANGES} files",
        times=times,
        bounds=(Bound(peer=NIX, factor=0.25),),
        notes=(growth_note(grown, size, _directories(tree)),),
    )


def growth_note(grown: float, size: int, directories: int) -> str:
    """Return a note about the disk space that a nearly identical tree takes."""
    return (
        f"the store's disk usage of {size / (1 << 20):.0f} MiB grows by {grown / (1 << 20):.1f} MiB,"
        f" {100 * grown / size:.2f} % (bound: 1 %);"
        f" {directories / (1 << 20):.1f} MiB of it are the new object's directories, which cannot be shared"
    )


def disk_usage(bench: Workbench, place: Path) -> int:
    """Return how many bytes of disk *place* takes, counting each inode once."""
    return 1024 * int(run([find("du"), "-sk", place], env=os.environ, cwd=bench.scratch).split()[0])


def _directories(tree: Path) -> int:
    return sum(Path(place).stat().st_blocks * 512 for place, _, _ in os.walk(tree))
