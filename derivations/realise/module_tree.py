"""A directory that has the modules of one kernel, or firmware, read for `derivations.modules`.

TREE/lib/modules/RELEASE/…     or usr/lib/modules
TREE/lib/firmware/…            or usr/lib/firmware, or the firmware itself
"""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.language.text import split_line
from derivations.modules.closure import close
from derivations.modules.firmware import FirmwareTree
from derivations.modules.index import INDEX_FILES, ModuleIndex
from derivations.modules.modinfo import InvalidModule
from derivations.realise.merged_usr import spellings
from store.errors import Error


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.modules.closure import Closure
    from derivations.modules.request import Request


class NoModules(Error):
    """A tree has no modules of a kernel."""

    tree: str

    def __str__(self) -> str:
        return f"{self.tree} has no directory lib/modules/RELEASE"

    @property
    def hint(self) -> str:
        """Say which tree has one."""
        return "a kernel's output `modules` has it, if the kernel is configured with MODULES"


class SeveralReleases(Error):
    """A tree has the modules of more than one kernel."""

    tree: str
    releases: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.tree} has the modules of {len(self.releases)} kernels: {', '.join(self.releases)}"

    @property
    def hint(self) -> str:
        """Say what to do."""
        return "make one tree for each kernel"


@attrs.frozen
class ModuleTree:
    """The modules of one kernel in a directory.

    Attributes:
        directory: `lib/modules/RELEASE`.
        index: What its lists say.
    """

    directory: Path
    index: ModuleIndex

    @classmethod
    def open(cls, root: Path, label: str) -> ModuleTree:
        """Return the modules in the tree *root*, which errors call *label*.

        Raises:
            NoModules: it has none.
            SeveralReleases: it has those of several kernels.
            InvalidIndex: its `modules.dep` is missing or damaged.
        """
        places = (root / it for it in spellings("lib/modules"))
        found = [it for place in places if place.is_dir() for it in sorted(place.iterdir()) if it.is_dir()]
        if not found:
            raise NoModules(label)
        if len(found) > 1:
            raise SeveralReleases(label, tuple(it.name for it in found))
        files = {it: file.read_bytes() for it in INDEX_FILES if (file := found[0] / it).is_file()}
        return cls(found[0], ModuleIndex.parse(found[0].name, files))

    def read(self, path: str) -> bytes:
        """Return the contents of the module in the file *path*.

        Raises:
            InvalidModule: it does not exist.
        """
        try:
            return (self.directory / path).read_bytes()
        except FileNotFoundError:
            raise InvalidModule(path, "modules.dep lists it, but it does not exist") from None

    def close(self, request: Request, config: Path | None) -> Closure:
        """Return the closure of *request* for the kernel with the `.config` *config*.

        Raises:
            Error: as of `derivations.modules.closure.close`.
        """
        return close(request, self.index, {} if config is None else options(config), self.read)


def options(config: Path) -> dict[str, str]:
    """Return the options that the `.config` in the file *config* sets, with their values as text."""
    pairs = map(split_line, config.read_text(encoding="utf-8", errors="replace").split("\n"))
    return {pair[0]: pair[1].strip('"') for pair in pairs if pair is not None and pair[1] is not None}


def firmware_tree(root: Path) -> tuple[Path, FirmwareTree]:
    """Return the firmware directory in the tree *root*, and its files."""
    top = next((root / it for it in spellings("lib/firmware") if (root / it).is_dir()), root)
    nodes: dict[str, str | None] = {}
    pending = [""]
    while pending:
        place = pending.pop()
        with os.scandir(top / place) as entries:
            for entry in entries:
                path = f"{place}/{entry.name}" if place else entry.name
                if entry.is_symlink():
                    nodes[path] = os.readlink(entry.path)  # noqa: PTH115 -- a Path would normalise the target
                elif entry.is_dir():
                    pending.append(path)
                else:
                    nodes[path] = None
    return top, FirmwareTree(dict(sorted(nodes.items())))
