"""Object trees without a kernel, and a shelf to keep them on."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from derivations.realise.kept.facts import Facts
from derivations.realise.kept.keep import Left, keep
from derivations.realise.kept.shelf import About, Shelf


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from derivations.kbuild.index import Index
    from derivations.realise.kept.shelf import KeptTree


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Return a shelf that is not made yet."""
    return Shelf(tmp_path / "kept")


def about(size: int = 0, objects: int = 0, **more: Any) -> About:  # noqa: ANN401 -- any facts
    """Return facts about a tree."""
    found = About(name="linux-1", family="f", source="00", action="11", made=1e9, seconds=60.0, compiled=objects,
                  objects=objects, size=size)  # fmt: skip
    return attrs.evolve(found, **more)


def facts(_: Index) -> dict[str, bytes]:
    """Return what is noted of a source without anything."""
    nothing = frozenset[str]()
    known = Facts(makefile="", ruling=nothing, links={}, searching=nothing, including=nothing, seen=nothing)
    return {"facts": known.encode(), "sources": b"{}"}


def build(directory: Path, files: Mapping[str, str], config: str = "CONFIG_A=y\n") -> Path:
    """Write a finished build with *files* to *directory*: an object `x.o` gets a `.cmd` that names x.c."""
    for path, text in {".config": config, **files}.items():
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        if path.endswith(".o"):
            source = path[:-1] + "c"
            command = f"savedcmd_{path} := gcc -c -o {path} /src/{source}\n\nsource_{path} := /src/{source}\n"
            (place.parent / f".{place.name}.cmd").write_text(
                f"{command}\ndeps_{path} := \\\n  $(wildcard include/config/A) \\\n  /src/include/x.h \\\n"
            )
    return directory


@attrs.frozen
class Keeping:
    """Keeps trees on *shelf*."""

    shelf: Shelf
    scratch: Path

    def __call__(
        self,
        files: Mapping[str, str] | None = None,
        *,
        used: float | None = None,
        links: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 -- as above
    ) -> KeptTree:
        """Keep a clean build with *files* and *links*, last *used* then."""
        directory = self.scratch / os.urandom(4).hex()
        build(directory, {"a.o": "object"} if files is None else files)
        for path, target in (links or {}).items():
            (directory / path).symlink_to(target)
        tree = keep(self.shelf, Left(directory=directory), lambda *it: about(*it, **more), facts, lambda: None)
        if used is not None:
            os.utime(tree.place / "used", (used, used))
        return tree


@pytest.fixture
def kept(shelf: Shelf, tmp_path: Path) -> Callable[..., KeptTree]:
    """Return a function that keeps a tree."""
    return Keeping(shelf, tmp_path / "scratch")
