"""`kernix build linux_micro` when everything is built already."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

from blake3 import blake3

from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate
from benchmarks.workbench import clear, graph
from kernels import kernel_set
from store.local import Store
from store.path import StorePath
from store.registration import Entry
from store.trees.content import Content, Kind, tree_digest
from store.trees.seal import FILE_MODE, MTIME_NS


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench
    from derivations.derivation import Derivation


NIX = "nix-build"
MORE = 4
"""So short a run is repeated this many times as often."""

_EXPRESSION = """\
let
  trivial = name: inputs: derivation {{
    inherit name inputs;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" "echo ${{name}} > $out" ];
  }};
in trivial "top" (builtins.genList (number: trivial "input-${{toString number}}" []) {count})
"""


def measure(bench: Workbench) -> Result:
    """Measure against Nix on the same number of derivations; both replace the link ./result."""
    home, nix = bench.scratch / "home", bench.nix
    everything = graph(kernel_set(lock=bench.lock)["linux_micro"].derivation)
    pretend(home, everything)
    contestants: dict[str, Contestant] = {KERNIX: lambda _: bench.seconds(home, "build", "linux_micro")}
    if nix is not None:
        expression = bench.scratch / "as_many.nix"
        expression.write_text(_EXPRESSION.format(count=len(everything) - 1), encoding="utf-8")
        nix.reset()
        nix.run("nix-build", expression)
        contestants[NIX] = lambda _: nix.seconds("nix-build", expression)
    bench.run(home, "build", "linux_micro")
    times = alternate(bench.rounds * MORE, contestants, bench.scratch)
    (bench.scratch / "result").unlink(missing_ok=True)
    clear(home)
    if nix is not None:
        nix.clear()
    return Result(
        name="no-op",
        what=f"`kernix build linux_micro`, nothing to do ({len(everything)} derivations), whole process",
        times=times,
        bounds=(Bound(peer=NIX, factor=1, plus=0.1, floor=0.15),),
    )


def pretend(home: Path, derivations: Sequence[Derivation]) -> None:
    """Give the store in *home* a result for each of *derivations*: a small file, because nothing reads it."""
    with Store.open(home) as store, store.scratch() as scratch:
        outputs = [derivation.output(name) for derivation in derivations for name in derivation.outputs]
        store.commit([_entry(scratch, it.derivation, it.name) for it in outputs])


def _entry(scratch: Path, derivation: Derivation, output: str) -> Entry:
    data = derivation.key + output.encode()
    digest = tree_digest(Kind.FILE, blake3(data).digest())
    path = StorePath.make(digest, derivation.name)
    place = scratch / str(path)
    place.write_bytes(data)
    place.chmod(FILE_MODE)
    os.utime(place, ns=(MTIME_NS, MTIME_NS))
    return Entry(
        path=path, place=place, content=Content(digest, len(data), 1), realisations=((derivation.key, output),)
    )
