"""Build `linux_micro`, cold, against `make` of the same configuration with the machine's own compiler."""

from __future__ import annotations

import os
import shutil

from typing import TYPE_CHECKING

from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate, seconds
from benchmarks.workbench import clear, find, say
from derivations.realise.realise import realise_all
from kernels import kernel_set
from store.gc.roots import link_result
from store.local import Store


if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


MAKE = "make -j2"
ROUNDS = 5
NEEDED = ("make", "gcc", "flex", "bison", "bc")
TARGETS = ("bzImage", "modules")


def measure(bench: Workbench) -> Result:
    """Measure with the tree, the configuration and the toolchain in the store; at most five rounds."""
    home = bench.inputs / "kernel"
    kernel = kernel_set(lock=bench.lock)["linux_micro"]
    say("building the inputs of the kernel")
    with Store.open(home) as store:
        inputs = realise_all(store, kernel.derivation.inputs)
        for number, path in enumerate(inputs.values()):
            link_result(store, bench.scratch / f"kernel-input-{number}", path)
        tree, config = store.path(inputs[kernel.tree]), store.path(inputs[kernel.configuration])

    def kernix(_: int) -> float:
        taken = bench.seconds(home, "build", "--no-link", "-j", "1", "--cores", "2", "linux_micro")
        bench.run(home, "gc")
        return taken

    contestants: dict[str, Contestant] = {KERNIX: kernix}
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if not missing:
        contestants[MAKE] = lambda _: _make(bench.scratch / "make", tree, config, dict(kernel.derivation.env))
    rounds = min(bench.rounds, ROUNDS)
    times = alternate(rounds, contestants, bench.scratch)
    for place in bench.scratch.glob("kernel-input-*"):
        place.unlink()
    clear(home)
    lacking = f"{', '.join(missing)} is not installed, so make was not measured"
    return Result(
        name="kernel",
        what="`linux_micro`, cold",
        times=times,
        bounds=(Bound(peer=MAKE, factor=1.05),),
        notes=(lacking,)
        if missing
        else (f"{rounds} rounds; make runs with the machine's own gcc, outside of any sandbox",),
    )


def _make(build: Path, tree: Path, config: Path, env: dict[str, str]) -> float:
    """Return how long make takes in an empty *build* directory, including `olddefconfig`, which kernix runs too."""
    clear(build)
    build.mkdir()
    shutil.copyfile(config, build / ".config")
    variables = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(build), **env}
    command: list[str | Path] = [find("make"), "-C", tree, f"O={build}"]
    taken = seconds([*command, "olddefconfig"], env=variables, cwd=build)
    taken += seconds([*command, "-j2", *TARGETS], env=variables, cwd=build, durable=build)
    clear(build)
    return taken
