"""builtin:union: one tree that has every file of many, by hard links.

Mounts `/0000`, `/0001`, …: the inputs, in order; `/removed`, if there is one: a file with a path a line
that is left out like those of `exclude`. Environment, all JSON: `merge`, `links`, `files`,
`directories`, `exclude` (see `derivations.union.Layout`); `conflicts`, plain text.

A path in the layout is one in the result: what `merge` moves is moved first.
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import json
import os
import stat

from typing import TYPE_CHECKING

import attrs

from derivations.realise.job import Cancelled
from derivations.union import REMOVED
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from derivations.realise.job import Job


_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKS_EXHAUSTED = frozenset({errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP})


@attrs.frozen
class Conflict(Error):
    """Two inputs have different things at one place."""

    place: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first} and {self.second} both have {self.place}, and not the same"

    @property
    def hint(self) -> str:
        """Tell how to decide."""
        return 'leave one of them out with `exclude`, or let the later input win with `conflicts="last"`'


@attrs.frozen
class InvalidLayout(Error):
    """What a union should have besides its inputs cannot be."""

    name: str
    place: str
    reason: str

    def __str__(self) -> str:
        return f"cannot join {self.name}: {self.place}: {self.reason}"


def union(job: Job) -> None:
    """Join the inputs of *job*.

    Raises:
        Conflict: two of them have different things at one place.
        InvalidLayout: the layout names places that cannot be.
    """
    names = {place: it.derivation.name for place, it in job.derivation.mounts.items() if place != REMOVED}
    env = {name: json.loads(text) for name, text in job.derivation.env.items() if name != "conflicts"}
    target = job.out / "out"
    target.mkdir()
    joiner = _Joiner(
        job=job,
        root=target,
        merge=env.get("merge", {}),
        last_wins=job.derivation.env.get("conflicts") == "last",
    )
    removed = job.inputs[REMOVED].read_text().splitlines() if REMOVED in job.inputs else ()
    joiner.leave_out([*env.get("exclude", ()), *env.get("links", ()), *env.get("files", ()), *removed])
    for done, place in enumerate(sorted(names, key=lambda place: (len(place), place)), start=1):
        joiner.join(names[place], job.inputs[place])
        job.progress(done, len(names))
    for path in env.get("directories", ()):
        joiner.make_directory(joiner.place(path))
    for path, goal in {**env.get("merge", {}), **env.get("links", {})}.items():
        joiner.make_link(path if path in joiner.merge else joiner.place(path), goal)
    for path, text in env.get("files", {}).items():
        joiner.make_file(joiner.place(path), text)


@attrs.define(kw_only=True)
class _Joiner:
    job: Job
    root: Path
    merge: dict[str, str]
    last_wins: bool
    excluded: set[str] = attrs.field(factory=set, init=False)
    owners: dict[str, str] = attrs.field(factory=dict, init=False)
    """Which input each file, and each directory that is no other input's too, came from."""

    def place(self, path: str) -> str:
        """Return where *path* is after `merge`.

        Raises:
            InvalidLayout: it is not a path in a tree.
        """
        parts = path.split("/")
        if any(part in {"", ".", ".."} or "\0" in part for part in parts):
            raise InvalidLayout(self.job.derivation.name, repr(path), "not a path in a tree")
        return "/".join([self.merge.get(parts[0], parts[0]), *parts[1:]])

    def leave_out(self, paths: list[str]) -> None:
        """Take nothing from the inputs that would be at or below *paths*."""
        self.excluded = {self.place(path) for path in paths}

    def join(self, name: str, tree: Path) -> None:
        """Add what the input called *name* has in *tree*."""
        if not stat.S_ISDIR(tree.lstat().st_mode):
            raise InvalidLayout(self.job.derivation.name, name, "is a file, and only directories can be joined")
        pending = [(str(tree), "")]
        while pending:
            if self.job.cancelled():
                raise Cancelled(self.job.derivation.name)
            source, place = pending.pop()
            pending += self._join_directory(name, source, place)

    def _join_directory(self, name: str, source: str, place: str) -> list[tuple[str, str]]:
        """Add the files in the directory *source* of the input *name*; return the directories in it, and their places."""
        found = []
        target: int | None = None
        prefix = f"{place}/" if place else ""
        with _opened(source) as directory, os.scandir(directory) as entries, contextlib.ExitStack() as stack:
            for entry in entries:
                where = prefix + entry.name
                if not place and entry.name in self.merge:
                    where = self.merge[entry.name]
                    if self._is_merged_link(entry, directory):
                        continue
                if where in self.excluded:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    found.append((f"{source}/{entry.name}", where))
                    continue
                if target is None:
                    target = self._enter(name, place)
                    stack.callback(os.close, target)
                self._take(name, entry.name, where, directory, target)
            if target is None and not found:
                os.close(self._enter(name, place))  # an empty directory is a directory too
        return found

    def _is_merged_link(self, entry: os.DirEntry[str], directory: int) -> bool:
        """Return whether *entry*, at the top, is the symbolic link that will be made anyway."""
        if not entry.is_symlink():
            return False
        return os.readlink(entry.name, dir_fd=directory).strip("/") == self.merge[entry.name]

    def _take(self, name: str, entry: str, where: str, source: int, target: int) -> None:
        try:
            _share(entry, source, target)
        except FileExistsError:
            if _same(entry, source, target):
                return
            if not self.last_wins:
                raise Conflict(where, self._owner(where), name) from None
            self._replace(name, entry, where, source, target)
        self.owners[where] = name

    def _replace(self, name: str, entry: str, where: str, source: int, target: int) -> None:
        try:
            os.unlink(entry, dir_fd=target)
        except IsADirectoryError:
            raise Conflict(where, self._owner(where), name) from None
        _share(entry, source, target)

    def _owner(self, where: str) -> str:
        """Return the input that has brought *where*, or the first that has brought something in it."""
        if where in self.owners:
            return self.owners[where]
        return next(
            (owner for place, owner in self.owners.items() if place.startswith(f"{where}/")), "an earlier input"
        )

    def _enter(self, name: str, place: str) -> int:
        """Return a descriptor of the directory *place* in the result, which is made if it is not there."""
        descriptor = os.open(self.root, _OPEN)
        path = ""
        for part in place.split("/") if place else []:
            path = f"{path}/{part}" if path else part
            try:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=descriptor)
                inner = os.open(part, _OPEN, dir_fd=descriptor)
            except NotADirectoryError:
                raise Conflict(path, self._owner(path), name) from None
            finally:
                os.close(descriptor)
            descriptor = inner
        return descriptor

    def make_directory(self, place: str) -> None:
        """Make the directory *place* and those above it."""
        os.close(self._enter(self.job.derivation.name, place))

    def make_link(self, place: str, goal: str) -> None:
        """Make the symbolic link *place*."""
        with self._parent(place) as (directory, name):
            os.symlink(goal, name, dir_fd=directory)

    def make_file(self, place: str, text: str) -> None:
        """Write *text* to the file *place*."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with (
            self._parent(place) as (directory, name),
            os.fdopen(os.open(name, flags, 0o644, dir_fd=directory), "wb") as file,
        ):
            file.write(text.encode())

    @contextlib.contextmanager
    def _parent(self, place: str) -> Iterator[tuple[int, str]]:
        parent, _, name = place.rpartition("/")
        descriptor = self._enter(self.job.derivation.name, parent)
        try:
            yield descriptor, name
        except FileExistsError:
            raise InvalidLayout(self.job.derivation.name, place, "something is there already") from None
        finally:
            os.close(descriptor)


def _share(entry: str, source: int, target: int) -> None:
    """Make *entry* in the directory *target* the same file or symbolic link as in *source*."""
    try:
        os.link(entry, entry, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _LINKS_EXHAUSTED:
            raise
        _copy(entry, source, target)


def _copy(entry: str, source: int, target: int) -> None:
    """Do as `_share` where the file system has no more links for a file."""
    status = os.stat(entry, dir_fd=source, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(entry, dir_fd=source), entry, dir_fd=target)
        return
    read = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(read, "rb") as old, os.fdopen(os.open(entry, flags, 0o600, dir_fd=target), "wb") as new:
        while chunk := old.read(1 << 20):
            new.write(chunk)
        os.fchmod(new.fileno(), stat.S_IMODE(status.st_mode))


def _same(entry: str, source: int, target: int) -> bool:
    """Return whether *entry* is the same in both directories: bytes and executable bit, or a link's target."""
    old = os.stat(entry, dir_fd=target, follow_symlinks=False)
    new = os.stat(entry, dir_fd=source, follow_symlinks=False)
    if os.path.samestat(old, new):
        return True
    if stat.S_ISLNK(old.st_mode) and stat.S_ISLNK(new.st_mode):
        return os.readlink(entry, dir_fd=target) == os.readlink(entry, dir_fd=source)
    if not (stat.S_ISREG(old.st_mode) and stat.S_ISREG(new.st_mode)) or old.st_size != new.st_size:
        return False
    if (old.st_mode ^ new.st_mode) & stat.S_IXUSR:
        return False
    return filecmp.cmp(f"/proc/self/fd/{target}/{entry}", f"/proc/self/fd/{source}/{entry}", shallow=False)


@contextlib.contextmanager
def _opened(directory: str) -> Iterator[int]:
    descriptor = os.open(directory, _OPEN)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
