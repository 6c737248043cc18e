"""Find the options of Debian's 6.12 for the machine in stal/IX's guides, when its tree has been read."""

from __future__ import annotations

import shutil

from typing import TYPE_CHECKING

from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate, seconds
from benchmarks.workbench import ROOT, clear, say
from derivations.hardware.listings.listing import read_listing
from kernels import kernel_set
from kernix.machine.driver_tree import DEFAULT
from store.local import Store


if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


LISTINGS = (ROOT / "tests/listings/guide.txt", ROOT / "tests/listings/older-guide.txt")
STREAMLINE = "streamline_config.pl"


def measure(bench: Workbench) -> Result:
    """Measure against a bound in seconds, and beside it the kernel's own script, which adds no options."""
    home = bench.inputs / "detect"
    kernel = kernel_set(lock=bench.lock)[DEFAULT]
    say("reading the tree")
    command: list[str | Path] = ["detect", *LISTINGS, "--for", DEFAULT]
    bench.run(home, *command)
    with Store.open(home) as store:
        tree = store.path(store.realised([kernel.tree.derivation.key])[kernel.tree.derivation.key][kernel.tree.name])
    contestants: dict[str, Contestant] = {KERNIX: lambda _: bench.seconds(home, *command)}
    perl = shutil.which("perl")
    if perl is not None:
        contestants[STREAMLINE] = lambda _: _streamline(bench.scratch / "streamline", perl, tree)
    times = alternate(bench.rounds, contestants, bench.scratch)
    for place in (home, bench.scratch / "streamline"):
        clear(place)
    return Result(
        name="detect",
        what="`detect` on the guides' listings",
        times=times,
        bounds=(Bound(floor=5),),
        notes=() if perl else ("perl is not installed, so the kernel's own script was not measured",),
    )


def _streamline(place: Path, perl: str, tree: Path) -> float:
    """Return how long the kernel's own script takes for the drivers of the same machine."""
    clear(place)
    place.mkdir()
    facts = [fact for file in LISTINGS for fact in read_listing(file.read_bytes(), file.name).snapshot.facts]
    names = sorted({fact.driver.partition(" ")[2] for fact in facts if fact.driver})
    (place / "lsmod").write_text("Module Size Used by\n" + "".join(f"{it} 1 0\n" for it in names))
    (place / ".config").write_text("CONFIG_IWLWIFI=m\n")
    env = {"LSMOD": "lsmod", "ARCH": "x86_64", "SRCARCH": "x86", "LC_ALL": "C"}
    return seconds([perl, tree / "scripts/kconfig/streamline_config.pl", tree, "Kconfig"], env=env, cwd=place)
