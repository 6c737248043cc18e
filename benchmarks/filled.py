"""Stores that contain only a Linux tree: made once, for all benchmarks that need them."""

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
    """The tree is the only object in kernix' *home* and, if Nix is installed, in *nix*, as *nix_path*."""

    home: Path
    nix: Nix | None
    nix_path: str


def filled(bench: Workbench) -> Filled:
    """Return the stores, creating them if they do not exist."""
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
