"""builtin:union: one tree with the files of several, sharing their storage.

Mounts `/0000`, `/0001`, …: the inputs, in order; `/removed`: a file with paths to leave out, one a line, with
a trailing slash to leave out a whole directory.
Environment, all JSON: `merge`, `links`, `files`, `directories`, `exclude` (see
`derivations.union.Layout`); `conflicts`, plain text.

The layout's paths are those of the result: `merge` is applied first. All locations are decided before
anything is written. The files of the inputs are in the store's pool, by content, and are identified there by
their inodes, so they need not be read.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import filecmp
import json
import os
import stat

from typing import TYPE_CHECKING, NamedTuple

import attrs

from derivations.realise.job import Cancelled
from derivations.union import REMOVED
from store.errors import Error
from store.trees.content import InvalidTree
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from derivations.realise.job import Job
    from store.trees.content import Content
    from store.trees.pool import Pooled


_IN_MEMORY = 256 << 20  # bytes: a file read as a whole is not written if the pool has it, but takes this memory
_CHUNK = 1 << 20  # bytes; any number of some hundred kilobytes would do
_REPORT_EVERY = 256  # files: often enough for a smooth display, seldom enough to cost nothing
_MANY = 500
"""From this many files on, listing the pool is faster than reading them."""


class PlaceConflict(Error):
    """Two inputs have different contents at the same path."""

    place: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first} and {self.second} both have {self.place}, with different contents"

    @property
    def hint(self) -> str:
        """Return how to decide between them."""
        return 'leave it out with `exclude`, or let the later input win with `conflicts="last"`'


class InvalidLayout(Error):
    """A union's layout has an impossible entry."""

    name: str
    place: str
    reason: str

    def __str__(self) -> str:
        return f"cannot join {self.name}: {self.place}: {self.reason}"


class DamagedInput(Error):
    """A file of an input was damaged in the store."""

    path: str

    def __str__(self) -> str:
        return f"{self.path} is damaged"

    @property
    def hint(self) -> str:
        """Return how to rebuild it."""
        return "`kernix verify --contents --repair` removes what is damaged; the next build makes it again"


def union(job: Job) -> Content:
    """Join the inputs of *job*.

    Raises:
        PlaceConflict: two of them have different contents at the same path.
        InvalidLayout: the layout has an impossible entry.
    """
    name = job.derivation.name
    env = {name: json.loads(text) for name, text in job.derivation.env.items() if name != "conflicts"}
    places = _Places(name, env.get("merge", {}))
    links, files = places.found(env.get("links", {})), places.found(env.get("files", {}))
    removed = _removed(job, places)
    excluded = {places.find(path) for path in env.get("exclude", ())} | links.keys() | files.keys()
    joined = _Joined(places, excluded, removed, last_wins=job.derivation.env.get("conflicts") == "last")
    for place in sorted(job.inputs.keys() - {REMOVED}, key=lambda place: (len(place), place)):
        _check_cancelled(job)
        joined.join(job.derivation.mounts[place].derivation.name, job.inputs[place])
    joined.leave_out_emptied()
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        for place in [*sorted(joined.directories), *map(places.find, env.get("directories", ()))]:
            with _located(name, place):
                writer.directory(place)
        _write(job, writer, joined.entries)
        for place, goal in {**places.merge, **links}.items():
            with _located(name, place):
                writer.symlink(place, goal)
        for place, text in files.items():
            with _located(name, place):
                writer.file(place, text.encode())
        return writer.finish()


@attrs.frozen
class _Places:
    """Maps paths to their locations in the union called *name*, where *merge* moves some."""

    name: str
    merge: Mapping[str, str]

    def find(self, path: str) -> str:
        """Return the location of *path* after `merge`.

        Raises:
            InvalidLayout: it is not a path in a tree.
        """
        parts = path.split("/")
        if any(part in {"", ".", ".."} or "\0" in part for part in parts):
            raise InvalidLayout(self.name, repr(path), "not a path in a tree")
        return "/".join([self.merge.get(parts[0], parts[0]), *parts[1:]])

    def found(self, members: Mapping[str, str]) -> dict[str, str]:
        """Return *members* with each path replaced by its location after `merge`."""
        return {self.find(path): value for path, value in members.items()}


class _Entry(NamedTuple):
    """A file or symbolic link in an input."""

    owner: str
    path: str
    inode: int


@attrs.define
class _Joined:
    """The entries of the inputs, by location in the result."""

    places: _Places
    excluded: set[str]
    removed: set[str]
    last_wins: bool
    entries: dict[str, _Entry] = attrs.field(factory=dict, init=False)
    directories: dict[str, str] = attrs.field(factory=dict, init=False)
    """Each directory, and the first input that has it."""

    def join(self, name: str, tree: Path) -> None:
        """Add the entries of *tree*, the input called *name*.

        Raises:
            PlaceConflict: an earlier input has something else at the same path.
            InvalidLayout: *tree* is not a directory.
        """
        if not stat.S_ISDIR(tree.lstat().st_mode):
            raise InvalidLayout(self.places.name, name, "is a file, and only directories can be joined")
        pending = [(os.fspath(tree), "")]
        while pending:
            source, place = pending.pop()
            with os.scandir(source) as entries:
                for entry in entries:
                    where = self._where(entry, place)
                    if where is None or where in self.excluded:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if f"{where}/" not in self.removed:
                            self._add_directory(name, where)
                            pending.append((entry.path, where))
                    elif where not in self.removed:
                        self._add(where, _Entry(name, entry.path, entry.inode()))

    def leave_out_emptied(self) -> None:
        """Leave out directories that removals have emptied, as `patch` does."""
        holding = collections.Counter(_parent(place) for place in (*self.entries, *self.directories))
        for place in self.removed:
            parent = _parent(place)
            while not holding[parent] and self.directories.pop(parent, ""):
                parent = _parent(parent)
                holding[parent] -= 1

    def _where(self, entry: os.DirEntry[str], place: str) -> str | None:
        """Return the location of *entry* in an input's directory at *place*; None for a link that `merge` makes."""
        if place:
            return f"{place}/{entry.name}"
        target = self.places.merge.get(entry.name)
        if target is not None and entry.is_symlink() and os.readlink(entry.path).strip("/") == target:  # noqa: PTH115 -- as below
            return None
        return target or entry.name

    def _add_directory(self, name: str, where: str) -> None:
        if where in self.entries:
            raise PlaceConflict(where, self.entries[where].owner, name)
        self.directories.setdefault(where, name)

    def _add(self, where: str, entry: _Entry) -> None:
        if where in self.directories:
            raise PlaceConflict(where, self.directories[where], entry.owner)
        earlier = self.entries.get(where)
        if earlier is None or (self.last_wins and not _same(earlier.path, entry.path)):
            self.entries[where] = entry
        elif not _same(earlier.path, entry.path):
            raise PlaceConflict(where, earlier.owner, entry.owner)


def _removed(job: Job, places: _Places) -> set[str]:
    if REMOVED not in job.inputs:
        return set()
    paths = [os.fsdecode(line) for line in job.inputs[REMOVED].read_bytes().split(b"\n") if line]
    return {places.find(path.removesuffix("/")) + "/" * path.endswith("/") for path in paths}


def _write(job: Job, writer: TreeWriter, entries: Mapping[str, _Entry]) -> None:
    many = len(entries) >= _MANY
    known = {it.inode: it for it in job.store.pool.entries()} if many else {}
    for done, (place, entry) in enumerate(sorted(entries.items())):
        if done % _REPORT_EVERY == 0:
            _check_cancelled(job)
            job.progress(done, len(entries))
        with _located(job.derivation.name, place):
            pooled = known.get(entry.inode)
            if pooled is None or not _share(writer, place, entry.path, pooled):
                _read(writer, place, entry.path)


def _share(writer: TreeWriter, place: str, path: str, pooled: Pooled) -> bool:
    """Link *place* to *pooled*, if that is the file *path*; return whether it was.

    Raises:
        DamagedInput: it is, but its contents have changed.
    """
    status = os.lstat(path)
    if not writer.pool.is_link_to(pooled, status):
        return False
    shared = writer.pooled(place, pooled.digest, status.st_size, executable=pooled.executable)
    if not shared and writer.pool.is_damaged(pooled):
        raise DamagedInput(path)
    return shared


def _read(writer: TreeWriter, place: str, path: str) -> None:
    """Write a copy of *path* to *place*."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        writer.symlink(place, os.readlink(path))  # noqa: PTH115 -- a Path would normalise the target
        return
    try:
        status = os.fstat(descriptor)
        whole = status.st_size <= _IN_MEMORY
        data = os.read(descriptor, status.st_size) if whole else iter(lambda: os.read(descriptor, _CHUNK), b"")
        writer.file(place, data, executable=bool(status.st_mode & stat.S_IXUSR))
    finally:
        os.close(descriptor)


def _same(first: str, second: str) -> bool:
    """Return whether two paths have the same bytes and executable bit, or are links with the same target."""
    old, new = os.lstat(first), os.lstat(second)
    if os.path.samestat(old, new):
        return True
    if stat.S_ISLNK(old.st_mode) and stat.S_ISLNK(new.st_mode):
        return os.readlink(first) == os.readlink(second)  # noqa: PTH115 -- a Path would normalise the target
    if not (stat.S_ISREG(old.st_mode) and stat.S_ISREG(new.st_mode)) or old.st_size != new.st_size:
        return False
    if (old.st_mode ^ new.st_mode) & stat.S_IXUSR:
        return False
    return filecmp.cmp(first, second, shallow=False)


def _parent(place: str) -> str:
    return place.rpartition("/")[0]


@contextlib.contextmanager
def _located(name: str, place: str) -> Iterator[None]:
    """Turn an invalid tree into an error that names the union and the path."""
    try:
        yield
    except InvalidTree as error:
        raise InvalidLayout(name, place, error.reason) from None


def _check_cancelled(job: Job) -> None:
    if job.cancelled():
        raise Cancelled(job.derivation.name)
