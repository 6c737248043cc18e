"""The shelf: the directory of kept object trees, `<home>/kept`.

    files/<2 digits>/<62 digits>[x]   each distinct file once, with all its links in the trees (`Pool`)
    trees/<random>/about.json         what the tree is of (`About`)
                   listing            its files (`Listing`)
                   config             its .config
                   index              what each product read (`derivations.kbuild.index`)
                   facts              what is known of its source (`Facts`)
                   sources            what each product was compiled from (`borrow.encode_sources`)
                   used               an empty file: its time is that of the last use
                   tree/              the tree itself: modes 0666 and 0777, every time MTIME
    trees/.<random>                   a tree that is being made or removed, or was when its process was killed

The shelf itself is closed to others, so that any user that builds may change the files through an overlay. A tree
appears and disappears by a rename. `flock` on a tree's directory, shared, holds it while a build uses it. `flock` on the
shelf's directory is shared while a tree is made, and exclusive while files of the pool are removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import stat
import time

from typing import TYPE_CHECKING, Any

import attrs

from blake3 import blake3

from derivations.realise.kept.listing import InvalidListing, Listing
from derivations.realise.kept.pool import BLOCK, Pool, below, disk_sizes
from derivations.realise.kept.tree import About, KeptTree
from store.errors import Error, reason_of
from store.osutil.privacy import who_else
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


VERSION = 2
"""The version of a tree's form; trees of another one are not used, and removed with time."""

_NEW, _OLD = ".new-", ".old-"


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
        """Return the directory of the pool."""
        return self.place / "files"

    @property
    def pool(self) -> Pool:
        """Return the pool of their files."""
        return Pool(self.files)

    def check(self) -> None:
        """Make sure that nobody else can change what is kept here.

        Raises:
            ShelfRefused: somebody can.
        """
        try:
            reason = who_else(self.place)
        except OSError as error:
            reason = reason_of(error)
        if reason is not None:
            raise ShelfRefused(self.place, reason)

    def kept(self) -> list[KeptTree]:
        """Return the trees, the one used last first; what cannot be read is left out.

        Raises:
            ShelfRefused: somebody else can change them.
        """
        self.check()
        found = []
        for name in self._names():
            if name.startswith("."):
                continue
            place = self.trees / name
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
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
        """Give the body a new directory beside the trees; whatever is left of it is removed afterwards.

        Raises:
            ShelfRefused: somebody else can change what is kept.
            OSError: the shelf cannot be made.
        """
        self.place.mkdir(mode=0o700, exist_ok=True)
        self.check()
        place = self.trees / f"{_NEW}{secrets.token_hex(8)}"
        try:
            with _locked(self.place, fcntl.LOCK_SH):
                for directory in (self.trees, self.files):
                    directory.mkdir(mode=0o700, exist_ok=True)
                place.mkdir(mode=0o700)
                try:
                    yield place
                finally:
                    if place.exists():
                        _empty(place)
        finally:
            if place.exists():
                self.clean()

    def add(self, place: Path, about: About) -> KeptTree:
        """Put the complete directory *place*, made by `making`, on the shelf as a tree of what *about* says."""
        digests = {it.name: blake3(it.read_bytes()).hexdigest() for it in place.iterdir() if it.name != "tree"}
        (place / "used").touch()
        about = attrs.evolve(about, digests=digests)
        _write_about(place, about)  # it takes room, too
        sizes = disk_sizes(place)
        about = attrs.evolve(about, disk=sizes.own + sizes.shared, apart=sizes.apart)
        _write_about(place, about)
        final = self.trees / place.name.removeprefix(_NEW)
        place.rename(final)
        return KeptTree(final, about)

    def remove(self, tree: KeptTree) -> int | None:
        """Remove *tree* and return the bytes that this frees; None if a build uses it."""
        freed = self._remove(tree.place)
        return None if freed is None else freed + tree.about.apart

    def size(self) -> int:
        """Return the bytes that the shelf takes on the disk."""
        return self.pool.size() + sum(it.about.apart for it in self.kept())

    def shrink(
        self, max_size: int, max_age: float | None = None, *, spare: str | None = None, wait: bool = False
    ) -> list[Removed]:
        """Remove the trees not used for *max_age* seconds, and then those used longest ago until *max_size* bytes are left.

        The tree with the id *spare* goes last; those in use stay. Return the removed ones. What killed processes have left is
        removed as well, unless another one is adding a tree at the moment and this is not to *wait* for it.

        Raises:
            ShelfRefused: somebody else can change what is kept.
        """
        kept = self.kept()
        known = {it.id for it in kept}
        for name in self._names():
            if name not in known and not name.startswith("."):
                self._remove(self.trees / name)
        self.clean(wait=wait)
        return self._reduce(kept, max_size, max_age, spare, self.remove)

    def superfluous(self, max_size: int, max_age: float | None = None) -> list[Removed]:
        """Return what `shrink` would remove now."""
        return self._reduce(self.kept(), max_size, max_age, None, _Forecast().remove)

    def clean(self, *, wait: bool = False) -> None:
        """Remove what killed processes have left, with its files in the pool."""
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            if not any(map(_is_left, self._names())):
                return
            with _locked(self.place, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)):  # so nobody is making a tree
                left = [self.trees / it for it in self._names() if _is_left(it)]
                for place in left:
                    with contextlib.suppress(BlockingIOError, FileNotFoundError), _locked(place, _ALONE):
                        _empty(place)
                self.pool.sweep()
                for place in left:
                    with contextlib.suppress(OSError):  # it is being removed by another process
                        place.rmdir()

    def _reduce(
        self,
        kept: list[KeptTree],
        max_size: int,
        max_age: float | None,
        spare: str | None,
        remove: Callable[[KeptTree], int | None],
    ) -> list[Removed]:
        """Call *remove* for the trees that `shrink` is to remove."""
        oldest = 0.0 if max_age is None else time.time() - max_age
        is_small = sum(it.about.disk for it in kept) <= max_size
        if is_small and all(it.used >= oldest for it in kept):
            return []
        left = 0 if is_small else self.size()
        removed = []
        for tree in sorted(kept, key=lambda it: (it.id == spare, it.used)):
            if (tree.used < oldest or left > max_size) and (freed := remove(tree)) is not None:
                removed.append(Removed(tree, freed))
                left -= freed
        return removed

    def _remove(self, place: Path) -> int | None:
        """Remove the tree in *place*; return what this frees in the pool, None if a build uses it."""
        with contextlib.suppress(FileNotFoundError), contextlib.ExitStack() as stack:
            try:
                stack.enter_context(_locked(place, _ALONE))
            except (BlockingIOError, NotADirectoryError):
                return None
            gone = self.trees / f"{_OLD}{place.name}"
            place.rename(gone)
            try:
                items = Listing.decode((gone / "listing").read_bytes()).items.values()
            except (OSError, ValueError):
                _empty(gone)
                return 0  # the rest is found by `clean`
            remove_tree(gone / "tree")
            freed = self.pool.drop(items)
            remove_tree(gone)
            return freed
        return 0

    def _names(self) -> list[str]:
        try:
            return sorted(it.name for it in self.trees.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise ShelfRefused(self.place, reason_of(error)) from None


@attrs.frozen
class Removed:
    """A tree that was removed, and the bytes that this freed."""

    tree: KeptTree
    freed: int


@attrs.frozen
class _Forecast:
    """What removing trees would free; *links* has the links of each file that would be gone."""

    links: dict[int, int] = attrs.field(factory=dict)

    def remove(self, tree: KeptTree) -> int | None:
        """Return what `Shelf.remove` would."""
        try:
            with _locked(tree.place, _ALONE):
                found = (tree.place.lstat(), *below(tree.place))
                return sum(it.st_blocks * BLOCK for it in found if self._is_last(it))
        except OSError:
            return None

    def _is_last(self, status: os.stat_result) -> bool:
        if not stat.S_ISREG(status.st_mode):
            return True
        self.links[status.st_ino] = self.links.get(status.st_ino, 0) + 1
        return status.st_nlink - self.links[status.st_ino] == min(1, status.st_nlink - 1)


_ALONE = fcntl.LOCK_EX | fcntl.LOCK_NB


@contextlib.contextmanager
def _locked(place: Path, how: int) -> Iterator[None]:
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _write_about(place: Path, about: About) -> None:
    facts = {"version": VERSION, **attrs.asdict(about)}
    (place / "about.json").write_text(json.dumps(facts, sort_keys=True) + "\n", encoding="utf-8")


def _is_left(name: str) -> bool:
    return name.startswith((_NEW, _OLD))


def _empty(place: Path) -> None:
    """Remove what is in *place*, which remains as a sign that the pool may have more of it."""
    for it in place.iterdir():
        remove_tree(it)


__all__ = ["About", "InvalidListing", "KeptTree", "Removed", "Shelf", "ShelfRefused"]
