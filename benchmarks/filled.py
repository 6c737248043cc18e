"""Stores that hold a Linux tree and nothing else: made once, for the benchmarks that find it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from benchmarks.workbench import clear, say
from store.gc.roots import add_root
from store.local import Store


if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.peers import Nix
    from benchmarks.workbench import Workbench


@attrs.frozen(kw_only=True)
class Filled:
    """The tree is the only object in kernix' *home*, and in *nix*, called *nix_path* there, if there is Nix."""

    home: Path
    nix: Nix | None
    nix_path: str


def filled(bench: Workbench) -> Filled:
    """Return the stores, made if they are not there."""
    home = bench.inputs / "filled"
    nix = attrs.evolve(bench.nix, home=bench.inputs / "filled-nix") if bench.nix is not None else None
    noted = bench.inputs / "filled.done"
    if not noted.exists():
        say("adding the tree to both stores")
        clear(home)
        with Store.open(home) as store:
            add_root(store, "tree", store.add(bench.tree))
        if nix is not None:
            nix.reset()
        noted.write_text(nix.run("nix-store", "--add", bench.tree).strip() if nix is not None else "")
    return Filled(home=home, nix=nix, nix_path=noted.read_text())
