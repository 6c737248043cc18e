"""The environment of all benchmarks: a scratch directory, kernix as a user runs it, and inputs."""

from __future__ import annotations

import compileall
import functools
import os
import shutil
import subprocess
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from benchmarks.peers import Nix
from benchmarks.timing import run, seconds
from derivations.debian.lock import parse
from derivations.fetch import fetch_deb
from derivations.realise.realise import realise
from store.local import Store
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from derivations.debian.lock import Lock
    from derivations.derivation import Derivation


ROOT = Path(__file__).parent.parent
SOURCE = "linux-source-6.1"


@attrs.frozen(kw_only=True, slots=False)
class Workbench:
    """The place where benchmarks run.

    Attributes:
        scratch: A directory for everything; the files in its `inputs` are reused.
        rounds: How often each side runs.
        part: The fraction of the full amounts to generate; less than 1 is for trying things out.
        quick: Whether a benchmark of many cases measures only some of them, once.
    """

    scratch: Path
    rounds: int
    part: float = 1
    quick: bool = False

    @property
    def kernix(self) -> Path:
        """The console script."""
        return Path(sys.executable).with_name("kernix")

    def environment(self, home: Path) -> dict[str, str]:
        """Return the variables that kernix runs with; its store is in *home*."""
        return {
            "HOME": str(self.scratch),
            "KERNIX_HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": os.environ.get("PATH", os.defpath),
            "XDG_CONFIG_HOME": str(self.inputs / "config"),
        }

    def run(self, home: Path, *arguments: str | Path) -> str:
        """Run kernix on the store in *home* and return its output."""
        return run([self.kernix, *arguments], env=self.environment(home), cwd=self.scratch)

    def seconds(self, home: Path, *arguments: str | Path) -> float:
        """Return how long kernix takes, as a whole process. By then, whatever it has stored is on the disk."""
        return seconds([self.kernix, *arguments], env=self.environment(home), cwd=self.scratch)

    def reset(self, home: Path) -> None:
        """Create an empty store in *home*."""
        clear(home)
        Store.open(home).close()

    def count(self, full: int) -> int:
        """Return how many items to generate instead of *full*."""
        return max(10, int(full * self.part))

    @functools.cached_property
    def nix(self) -> Nix | None:
        """Return Nix, or None if it is not installed."""
        return Nix(self.scratch / "nix", self.busybox) if shutil.which("nix-store") else None

    @property
    def inputs(self) -> Path:
        """The directory of files that are fetched once."""
        return self.scratch / "inputs"

    @functools.cached_property
    def lock(self) -> Lock:
        """Return kernix' lock, made as for a new user."""
        self.run(self.inputs / "home", "lock")
        return parse((self.inputs / "config/kernix/kernix.lock").read_text(encoding="utf-8"))

    @functools.cached_property
    def busybox(self) -> Path:
        """Return a static busybox, from the pinned package."""
        target = self.inputs / "busybox"
        if not target.exists():
            found = self._fetched("busybox", "busybox-static")
            shutil.copy(next(path for path in found.rglob("busybox") if path.parent.name == "bin"), target)
        return target

    @functools.cached_property
    def archive(self) -> Path:
        """Return the compressed Linux source as Debian ships it."""
        target = self.inputs / f"{SOURCE}.tar.xz"
        if not target.exists():
            shutil.copy(self._fetched(SOURCE, SOURCE) / f"usr/src/{SOURCE}.tar.xz", target)
        return target

    @functools.cached_property
    def tree(self) -> Path:
        """Return the Linux tree, unpacked with tar."""
        target = self.inputs / SOURCE
        if not target.exists():
            say(f"unpacking {self.archive.name}")
            partial = self.inputs / "partial"
            clear(partial)
            partial.mkdir()
            subprocess.run([find("tar"), "xf", self.archive, "--no-same-owner", "-C", partial], check=True)
            (partial / SOURCE).rename(target)
            partial.rmdir()
        return target

    def _fetched(self, name: str, package: str) -> Path:
        say(f"fetching {package}")
        with Store.open(self.inputs / "home") as store:
            return store.path(realise(store, fetch_deb(self.lock.package(name, package)))["out"])


def graph(top: Derivation) -> list[Derivation]:
    """Return *top* and all its inputs, direct or not, inputs first."""
    order: dict[Derivation, None] = {}
    stack = [(top, False)]
    while stack:
        derivation, done = stack.pop()
        if done:
            order[derivation] = None
        elif derivation not in order:
            stack.append((derivation, True))
            stack += [(output.derivation, False) for output in derivation.inputs]
    return list(order)


def prepare(scratch: Path) -> None:
    """Create *scratch*, and compile kernix' modules as an installation does."""
    (scratch / "inputs").mkdir(parents=True, exist_ok=True)
    for package in ("store", "derivations", "overlays", "kernix"):
        compileall.compile_dir(ROOT / package, quiet=2)
    compileall.compile_file(ROOT / "kernels.py", quiet=2)


def clear(place: Path) -> None:
    """Remove *place*, including read-only directories."""
    if os.path.lexists(place):
        remove_tree(place)


def find(program: str) -> str:
    """Return the path of *program*."""
    found = shutil.which(program)
    if found is None:
        raise FileNotFoundError(program)
    return found


def say(text: str) -> None:
    """Print a progress line."""
    sys.stderr.write(f"  {text}\n")
