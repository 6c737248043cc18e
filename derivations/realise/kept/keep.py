"""Keeping a finished object tree: what the builder left in /build becomes a tree on the shelf.

What is left over from earlier options and what no later build may find is left out, so that a tree of a hundred
builds is one layer, and as good as the tree of a clean build. Files that the build did not touch are links to those of
the tree below; the others are moved.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
import secrets
import stat

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from derivations.kbuild.commands import PRODUCT, read_command
from derivations.kbuild.difference import options_of
from derivations.kbuild.index import Index
from derivations.realise.kept.listing import MTIME_NS, Item, Listing
from derivations.realise.kept.workspace import walk
from derivations.realise.sandbox.layers import is_whiteout


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from derivations.kbuild.commands import Command
    from derivations.realise.kept.shelf import About, KeptTree, Shelf


FILE_MODE, EXECUTABLE_MODE, DIRECTORY_MODE = 0o666, 0o777, 0o777
"""Whoever builds may write through an overlay; nobody else can enter the shelf."""

_NEVER = re.compile(
    r"(?:kernel/kheaders(?:\.md5|_data\.tar\.xz|-objlist|-srclist)"
    r"|include/generated/utsversion\.h"
    r"|certs/signing_key\.(?:pem|x509)|certs/x509\.genkey"
    r"|.*/\.tmp_[^/]*|\.tmp_[^/]*|.*\.ko\.unsigned)$"
)
"""Never kept: what differs between a first and a second run of make, keys, and temporary files."""


@attrs.frozen(kw_only=True)
class Left:
    """What a builder left in /build.

    Attributes:
        directory: The directory on disk: all of /build, or the upper layer above the tree *below*.
        below: The tree that the build started from; None after a clean build.
        listing: The listing of *below*.
        index: The index of *below*.
        gone: Paths of *below* that are gone.
        layered: Whether *directory* is an upper layer.
    """

    directory: Path
    below: KeptTree | None = None
    listing: Listing | None = None
    index: Index | None = None
    gone: frozenset[str] = frozenset()
    layered: bool = False

    def text(self, path: str) -> str:
        """Return the text of the file at *path*."""
        try:
            return (self.directory / path).read_text()
        except FileNotFoundError:
            if not self.layered or self.below is None or path in self.gone:
                raise
        return (self.below.tree / path).read_text()


def keep(
    shelf: Shelf,
    left: Left,
    about: Callable[[int, int], About],
    notes: Callable[[Index], Mapping[str, bytes]],
    check: Callable[[], None],
) -> KeptTree:
    """Put what a builder *left* on the *shelf*.

    *about* gets the size of the tree and the number of its objects; *notes* gets its index, and returns further files
    to keep beside it; *check* may raise.

    Raises:
        OSError: there is no room, or something cannot be read.
    """
    new = {path: status for path, status in walk(left.directory) if not is_whiteout(status)}
    old: Mapping[str, Item] = {}
    if left.layered and left.listing is not None:
        old = {path: item for path, item in left.listing.items.items() if path in new or not _is_below(path, left.gone)}
    made = {path for path, status in new.items() if not stat.S_ISDIR(status.st_mode) and status.st_mtime_ns != MTIME_NS}
    below = {} if left.index is None else left.index.commands
    commands = {**below, **dict(commands_in(left.directory, new if left.below is None else made))}
    options = options_of(left.text(".config"))
    modules = _modules(left, options)
    dropped = _left_over(made, left.gone, below)
    with shelf.making() as place:
        tree = place / "tree"
        tree.mkdir(mode=DIRECTORY_MODE)
        writer = _Writer(shelf, tree, left.below)
        items: dict[str, Item] = {}
        for path in sorted(old.keys() | new.keys()):
            check()
            if path not in dropped and not _is_dropped(path, modules):
                items[path] = writer.move(left.directory, path) if path in new else writer.link(path, old[path])
        listing = Listing.of(items)
        writer.finish(listing)
        index = Index.of(it for it in commands.values() if it.target in items and _command_file(it.target) in items)
        (place / "listing").write_bytes(listing.encode())
        (place / "index").write_bytes(index.encode())
        for name, data in notes(index).items():
            (place / name).write_bytes(data)
        (place / "config").write_text(left.text(".config"))
        objects = sum(it.target.endswith(".o") and it.is_listed for it in index)
        return shelf.add(place, about(listing.size, objects))


def commands_in(directory: Path, entries: Iterable[str]) -> Iterator[tuple[str, Command]]:
    """Yield each product of which a `.cmd` file is among the *entries* of *directory*, and what that says."""
    for path in entries:
        above, name = posixpath.split(path)
        if name.startswith(".") and name.endswith(".cmd"):
            target = posixpath.join(above, name[1:-4])
            text = (directory / path).read_text(encoding="utf-8", errors="surrogateescape")
            yield target, read_command(text, target)


def _command_file(target: str) -> str:
    above, name = posixpath.split(target)
    return posixpath.join(above, f".{name}.cmd")


def _left_over(made: set[str], gone: frozenset[str], below: Mapping[str, Command]) -> set[str]:
    """Return the products below that read something which this build made anew, and were not made anew themselves.

    They belong to options that are off now. If they stayed, a later build would find them as new as what they read.
    """
    changed = {PRODUCT + path for path in (*made, *gone)}
    found = [it.target for it in below.values() if it.target not in made and not changed.isdisjoint(it.files)]
    return {path for target in found for path in (target, _command_file(target)) if path not in made}


def _modules(left: Left, options: Mapping[str, str]) -> frozenset[str]:
    """Return the modules to keep: none where their type information is encoded in place."""
    if options.get("DEBUG_INFO_BTF_MODULES") == "y" or options.get("MODULES") != "y":
        return frozenset()
    with contextlib.suppress(OSError):
        return frozenset(
            f"{line.removesuffix('.o').removesuffix('.ko')}.ko" for line in left.text("modules.order").split()
        )
    return frozenset()


def _is_dropped(path: str, modules: frozenset[str]) -> bool:
    """Return whether *path* is not for later builds."""
    if _NEVER.match(path):
        return True
    if path.endswith((".ko", ".ko.cmd")):
        return re.sub(r"(^|/)\.([^/]*)\.cmd$", r"\1\2", path) not in modules
    return False


def _is_below(path: str, places: frozenset[str]) -> bool:
    """Return whether *path* or a directory above it is one of *places*."""
    while path:
        if path in places:
            return True
        path = posixpath.dirname(path)
    return False


@attrs.frozen
class _Writer:
    """Fills *tree* from the pool of *shelf*."""

    shelf: Shelf
    tree: Path
    below: KeptTree | None

    def move(self, directory: Path, path: str) -> Item:
        """Move the entry *path* of *directory* into the tree; a file that the pool has becomes a link to that."""
        source, target = directory / path, self.tree / path
        status = source.lstat()
        if stat.S_ISDIR(status.st_mode):
            target.mkdir(mode=DIRECTORY_MODE)
            return Item("d")
        if stat.S_ISLNK(status.st_mode):
            goal = os.readlink(source)  # noqa: PTH115 -- exactly as it is written
            target.symlink_to(goal)
            return Item("l", blake3(os.fsencode(goal)).digest())
        data = source.read_bytes()
        item = Item("x" if status.st_mode & 0o100 else "f", blake3(data).digest(), len(data))
        pooled = self.shelf.pool.path(item)
        if not self._link(pooled, target):
            pooled.parent.mkdir(mode=0o700, exist_ok=True)
            self._put(data, item, pooled)
            if not self._link(pooled, target):
                self._put(data, item, target)
        return item

    def link(self, path: str, item: Item) -> Item:
        """Make the entry *path* of the tree below, which is *item*."""
        target = self.tree / path
        if item.kind == "d":
            target.mkdir(mode=DIRECTORY_MODE)
        elif self.below is not None and (item.kind == "l" or not self._link(self.shelf.pool.path(item), target)):
            return self.move(self.below.tree, path)
        return item

    def finish(self, listing: Listing) -> None:
        """Give the directories, the deepest first, and the links their mode and time."""
        for path, item in reversed(listing.items.items()):
            place = self.tree / path
            if item.kind == "d":
                place.chmod(DIRECTORY_MODE)
                os.utime(place, ns=(MTIME_NS, MTIME_NS))
            elif item.kind == "l":
                os.utime(place, ns=(MTIME_NS, MTIME_NS), follow_symlinks=False)
        self.tree.chmod(DIRECTORY_MODE)

    @staticmethod
    def _link(pooled: Path, target: Path) -> bool:
        try:
            os.link(pooled, target)
        except OSError:
            return False
        return True

    @staticmethod
    def _put(data: bytes, item: Item, place: Path) -> None:
        new = place.with_name(f"{place.name}.{secrets.token_hex(4)}")
        with new.open("xb") as file:
            file.write(data)
            os.fchmod(file.fileno(), EXECUTABLE_MODE if item.kind == "x" else FILE_MODE)
        os.utime(new, ns=(MTIME_NS, MTIME_NS))
        new.rename(place)
