"""The shelf: the directory of kept object trees, `<home>/kept`.

    files/<2 digits>/<62 digits>[x]   each distinct file once, with all its links in the trees
    trees/<random>/about.json         what the tree is of (`About`)
                   listing            its files (`Listing`)
                   config             its .config
                   index              what each product read (`derivations.kbuild.index`)
                   facts              what is known of its source (`Facts`)
                   sources            what each product was compiled from (`borrow.encode_sources`)
                   used               an empty file: its time is that of the last use
                   tree/              the tree itself: modes 0666 and 0777, every time MTIME

The shelf itself is closed to others, so that any user that builds may change the files through an overlay. A tree
appears by a rename. `flock` on a tree's directory, shared, holds it while a build uses it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import stat
import time

from typing import TYPE_CHECKING, Any

import attrs

from derivations.realise.kept.listing import InvalidListing, Listing
from store.errors import Error
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


VERSION = 1
"""The version of a tree's form; trees of another one are not used, and removed with time."""

_NEW = ".new-"


class ShelfRefused(Error):
    """The directory of kept trees does not belong to us alone."""

    place: Path
    reason: str

    def __str__(self) -> str:
        return f"kept trees in {self.place} are not used: {self.reason}"

    @property
    def hint(self) -> str:
        """Return what to do."""
        return f"remove {self.place}, or `chmod 700` it if it is yours"


@attrs.frozen(kw_only=True)
class About:
    """What a kept tree is of.

    Attributes:
        name: The kernel's name with its version.
        family: What must be equal for a build to start from it: toolchain, architecture, arguments, other inputs.
        source: The digest of the source's tree, in hexadecimal.
        action: The key of the action that left it, in hexadecimal.
        made: When it was made, in seconds since 1970.
        seconds: How long its builder ran.
        compiled: How many objects that builder compiled.
        objects: How many objects a clean build compiles.
        size: The bytes of its files.
    """

    name: str
    family: str
    source: str
    action: str
    made: float
    seconds: float
    compiled: int
    objects: int
    size: int


@attrs.frozen
class KeptTree:
    """A tree on the shelf."""

    place: Path
    about: About

    @property
    def id(self) -> str:
        """Return its name on the shelf."""
        return self.place.name

    @property
    def tree(self) -> Path:
        """Return the directory of its files."""
        return self.place / "tree"

    @property
    def used(self) -> float:
        """Return when it was last used, in seconds since 1970."""
        try:
            return (self.place / "used").stat().st_mtime
        except OSError:
            return self.about.made

    def read(self, name: str) -> bytes:
        """Return its file *name*, beside the tree."""
        return (self.place / name).read_bytes()

    def listing(self) -> Listing:
        """Return its files.

        Raises:
            InvalidListing: it is damaged.
            OSError: it cannot be read.
        """
        return Listing.decode(self.read("listing"))

    def touch(self) -> None:
        """Record that it is used now."""
        with contextlib.suppress(OSError):
            (self.place / "used").touch()


@attrs.frozen
class Shelf:
    """The kept trees in *place*."""

    place: Path

    @property
    def trees(self) -> Path:
        """Return the directory of the trees."""
        return self.place / "trees"

    @property
    def files(self) -> Path:
        """Return the pool of their files."""
        return self.place / "files"

    def check(self) -> None:
        """Make sure that nobody else can change what is kept here.

        Raises:
            ShelfRefused: somebody can.
        """
        try:
            status = self.place.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(status.st_mode):
            raise ShelfRefused(self.place, "it is not a directory")
        if status.st_uid != os.geteuid():
            raise ShelfRefused(self.place, "it belongs to another user")
        if status.st_mode & 0o077:
            raise ShelfRefused(self.place, "others can enter it")

    def kept(self) -> list[KeptTree]:
        """Return the trees, the one used last first; what cannot be read is left out."""
        self.check()
        found = []
        try:
            names = sorted(it.name for it in self.trees.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        for name in names:
            if name.startswith("."):
                continue
            place = self.trees / name
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                facts: dict[str, Any] = json.loads((place / "about.json").read_bytes())
                if facts.pop("version") == VERSION:
                    found.append(KeptTree(place, About(**facts)))
        return sorted(found, key=lambda it: -it.used)

    @contextlib.contextmanager
    def holding(self, tree: KeptTree) -> Iterator[bool]:
        """Hold *tree* against removal in the body; give it False if it is gone."""
        try:
            descriptor = os.open(tree.place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            yield False
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield (tree.place / "about.json").exists()
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def making(self) -> Iterator[Path]:
        """Give the body a new directory beside the trees; whatever is left of it is removed afterwards."""
        self.place.mkdir(mode=0o700, exist_ok=True)
        self.check()
        for directory in (self.trees, self.files):
            directory.mkdir(mode=0o700, exist_ok=True)
        place = self.trees / f"{_NEW}{secrets.token_hex(8)}"
        place.mkdir(mode=0o700)
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield place
        finally:
            os.close(descriptor)
            if place.exists():
                remove_tree(place)

    def add(self, place: Path, about: About) -> KeptTree:
        """Put the complete directory *place*, made by `making`, on the shelf as a tree of what *about* says."""
        facts = {"version": VERSION, **attrs.asdict(about)}
        (place / "about.json").write_text(json.dumps(facts, sort_keys=True) + "\n", encoding="utf-8")
        (place / "used").touch()
        final = self.trees / place.name.removeprefix(_NEW)
        place.rename(final)
        return KeptTree(final, about)

    def remove(self, tree: KeptTree) -> bool:
        """Remove *tree* unless a build uses it; return whether it is gone."""
        return self._remove(tree.place)

    def _remove(self, place: Path) -> bool:
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(place)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def size(self) -> int:
        """Return the bytes that the shelf takes on the disk."""
        total = 0
        for directory, _, _, descriptor in os.fwalk(self.files) if self.files.is_dir() else ():
            del directory
            with os.scandir(descriptor) as items:
                for item in items:
                    if item.is_file(follow_symlinks=False):
                        with contextlib.suppress(FileNotFoundError):
                            total += item.stat(follow_symlinks=False).st_blocks * 512
        return total

    def shrink(self, max_size: int, max_age: float | None = None, *, spare: str | None = None) -> list[KeptTree]:
        """Remove the trees not used for *max_age* seconds, and then those used longest ago until *max_size* bytes are left.

        The tree with the id *spare*, and those in use, stay. Return the removed ones.
        """
        removed = []
        self._clean()
        kept = [it for it in self.kept() if it.id != spare][::-1]
        limit = None if max_age is None else time.time() - max_age
        for tree in kept:
            too_old = limit is not None and tree.used < limit
            if (too_old or self.size() > max_size) and self.remove(tree):
                removed.append(tree)
                self.sweep()
        return removed

    def _clean(self) -> None:
        """Remove what a killed process has left, and trees of another form."""
        known = {it.id for it in self.kept()}
        with contextlib.suppress(FileNotFoundError):
            for place in list(self.trees.iterdir()):
                if place.name not in known:
                    self._remove(place)
        self.sweep()

    def sweep(self) -> int:
        """Remove the files of the pool that no tree has, and return their bytes."""
        freed = 0
        with contextlib.suppress(FileNotFoundError):
            for shard in list(self.files.iterdir()):
                with os.scandir(shard) as items:
                    for item in items:
                        status = item.stat(follow_symlinks=False)
                        if status.st_nlink == 1:
                            with contextlib.suppress(FileNotFoundError):
                                os.unlink(item)  # noqa: PTH108 -- an entry of os.scandir
                                freed += status.st_blocks * 512
        return freed

    def drop(self) -> None:
        """Remove everything."""
        if self.place.exists():
            shutil.rmtree(self.place)


__all__ = ["About", "InvalidListing", "KeptTree", "Shelf", "ShelfRefused"]
