"""Configure Debian's 6.12 with new requests, everything else being built already."""

from __future__ import annotations

import os
import shutil
import textwrap

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


KERNEL = "linux_debian_6_12"
MERGE = "merge_config.sh, make olddefconfig"
NEEDED = ("make", "gcc", "flex", "bison")
REQUESTS = ("DEBUG_KERNEL", "KGDB", "KGDB_SERIAL_CONSOLE", "MAGIC_SYSRQ", "BTRFS_FS", "XFS_FS", "NET_9P", "ZRAM")


def measure(bench: Workbench) -> Result:
    """Measure `kernix config` of an override against the kernel's own scripts, whose programs are already compiled."""
    home = bench.inputs / "configure"
    kernel = kernel_set(lock=bench.lock)[KERNEL]
    say("building the inputs of the configuration")
    with Store.open(home) as store:
        inputs = realise_all(store, [kernel.resolver.out, kernel.base_config, kernel.config_tree, kernel.tree])
        for number, path in enumerate(inputs.values()):
            link_result(store, bench.scratch / f"configure-input-{number}", path)
        tree, base = store.path(inputs[kernel.tree]), store.path(inputs[kernel.base_config])

    def kernix(number: int) -> float:
        file = bench.scratch / "override.py"
        file.write_text(_override(number), encoding="utf-8")
        return bench.seconds(home, "config", "-f", file, "it")

    contestants: dict[str, Contestant] = {KERNIX: kernix}
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if not missing:
        build = bench.scratch / "merge"
        _merge(build, tree, base, -1)
        contestants[MERGE] = lambda number: _merge(build, tree, base, number)
    times = alternate(bench.rounds, contestants, bench.scratch)
    for place in bench.scratch.glob("configure-input-*"):
        place.unlink()
    for place in (home, bench.scratch / "merge"):
        clear(place)
    lacking = f"{', '.join(missing)} is not installed, so the kernel's own scripts were not measured"
    return Result(
        name="configure",
        what=f"`{KERNEL}` with {len(REQUESTS)} new requests, to the `.config`",
        times=times,
        bounds=(Bound(floor=3), Bound(peer=MERGE, factor=0.5)),
        notes=(lacking,) if missing else ("merge_config.sh and make run with the machine's own gcc",),
    )


def _override(number: int) -> str:
    asked = "".join(f'"{name}": YES, ' for name in REQUESTS)
    return textwrap.dedent(f"""\
        from derivations import *
        from kernels import kernel_set

        it = kernel_set().{KERNEL}.override(extra_config={{{asked}"LOCALVERSION": "-{number}"}})
    """)


def _merge(build: Path, tree: Path, base: Path, number: int) -> float:
    """Return how long the kernel's own scripts take in the directory *build*."""
    build.mkdir(exist_ok=True)
    fragment = build / "fragment"
    lines = [*(f"CONFIG_{name}=y" for name in REQUESTS), f'CONFIG_LOCALVERSION="-{number}"']
    fragment.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(build), "LC_ALL": "C", "ARCH": "x86_64"}
    script = tree / "scripts/kconfig/merge_config.sh"
    taken = seconds([find("sh"), script, "-m", "-O", build, base, fragment], env=env, cwd=build)
    return taken + seconds([find("make"), "-C", tree, f"O={build}", "olddefconfig"], env=env, cwd=build)
