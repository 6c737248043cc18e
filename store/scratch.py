"""Scratch directories: where trees are built up, on the store's file system.

A scratch is `builds/<random>`, mode 0700, locked (`flock` on the directory itself) by the process
that uses it, for as long as it does. An unlocked one was left by a process that died. Between
`mkdir` and the lock a new scratch looks the same; so after locking it, its owner checks that it
still exists, and makes another one if a sweeper was quicker.

The pool's files appear under their digests before their bytes are on the disk, and until a commit's `syncfs`
their only other links are in scratches. If the file system fails before that, such a file may be damaged and would
be linked into new objects. So the first scratch after a doubtful moment is preceded by a recovery, which removes all
old scratches, sweeps the pool, and makes it doubt the remaining files, with the gate (`store.osutil.locks`)
closed. Doubtful moments are:

- another boot or another mount (`store.osutil.mount_identity`): the file `boot` records the last recovery's;
- a failed `syncfs`, which deletes that file;
- an unused scratch with something in it that was not given up: its process did not finish. A scratch that is given
  up is renamed before it is removed.
"""

from __future__ import annotations

import contextlib
import os

from typing import TYPE_CHECKING

import attrs

from store.errors import Error
from store.osutil.failpoints import reach
from store.osutil.interrupt import grace_period
from store.osutil.locks import leads_to, try_flock
from store.osutil.mount_identity import mount_identity, superblock_identity
from store.osutil.space import disk_full_reported
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from store.layout import Layout
    from store.osutil.locks import Gate
    from store.trees.pool import Pool


_GIVEN_UP = "-0"
_PATIENCE = 0.5
"""Seconds for which an interrupt lets the removal of a scratch continue: less than half of what kernix has to exit."""


class StoreRemounted(Error):
    """The file system of a store was remounted while this process had the store open."""

    home: Path

    def __str__(self) -> str:
        return f"the file system of the store {self.home} was remounted while kernix was running"

    @property
    def hint(self) -> str:
        """Return how to continue."""
        return "run it again"


@attrs.frozen
class Scratches:
    """The scratch directories of a store."""

    layout: Layout
    gate: Gate
    pool: Pool

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give the body an empty directory, which is removed afterwards with everything in it."""
        with disk_full_reported(self.layout.builds):
            self._recover()
            path, descriptor = self._make()
        try:
            yield path
        finally:
            try:
                reach("scratch: remove")
                self._remove(_given_up(path))
            finally:
                os.close(descriptor)

    def _remove(self, path: Path) -> None:
        """Remove the scratch at *path*; if an interrupt cuts that short, leave the rest to the collector."""
        with grace_period(_PATIENCE):
            remove_tree(path)
        if path.exists():
            path.rename(self.layout.trash / path.name)

    def sweep(self) -> tuple[int, int]:
        """Remove the unused scratches; return how many files and bytes were removed."""
        files = size = 0
        for place in self._places():
            with _unused(place) as unused:
                if unused:
                    if _has_content(place) and not place.name.endswith(_GIVEN_UP):
                        self.require_recovery()
                    removed = remove_tree(place)
                    files, size = files + removed[0], size + removed[1]
        return files, size

    def unused(self) -> list[Path]:
        """Return the unused scratches."""
        found = []
        for place in self._places():
            with _unused(place) as unused:
                if unused:
                    found.append(place)
        return found

    def require_recovery(self) -> None:
        """Make a recovery precede the next scratch, in any process."""
        # If nothing can be written any more, the contents of this process' scratches have the same effect.
        with contextlib.suppress(OSError):
            self._boot.unlink(missing_ok=True)

    @property
    def _boot(self) -> Path:
        return self.layout.home / "boot"

    def _recover(self) -> None:
        now = self._moment()
        if not self._recovered(now):
            with self.gate.exclusive():
                if not self._recovered(now):
                    self._run_recovery(now)
        self.pool.check_doubtful()

    def _run_recovery(self, now: str) -> None:
        reach("recover: scratches")
        self.sweep()
        reach("recover: pool")
        self.pool.sweep()
        reach("recover: doubt")
        self.pool.doubt_all()
        reach("recover: boot")
        temporary = self._boot.with_suffix(".new")
        temporary.touch(0o600)
        temporary.write_text(now)
        temporary.rename(self._boot)

    def _moment(self) -> str:
        descriptor = os.open(self.layout.pool, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if superblock_identity(descriptor) != superblock_identity(self.pool.fileno()):
                raise StoreRemounted(self.layout.home)
            return mount_identity(descriptor)
        finally:
            os.close(descriptor)

    def _recovered(self, now: str) -> bool:
        try:
            recovered = self._boot.read_text() == now
        except (FileNotFoundError, UnicodeDecodeError):
            return False
        return recovered and not any(map(_is_left_over, self._places()))

    def _places(self) -> list[Path]:
        return sorted(self.layout.builds.iterdir())

    def _make(self) -> tuple[Path, int]:
        while True:
            path = self.layout.builds / os.urandom(16).hex()
            path.mkdir(mode=0o700)
            reach("scratch: lock")
            descriptor = _open(path)
            if descriptor is None:
                continue
            if try_flock(descriptor) and leads_to(path, descriptor):
                return path, descriptor
            os.close(descriptor)


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextlib.contextmanager
def _unused(place: Path) -> Iterator[bool]:
    """Yield whether the scratch *place* exists and is unused; if so, it stays unused during the body."""
    descriptor = _open(place)
    if descriptor is None:  # its user has just removed it
        yield False
        return
    try:
        yield try_flock(descriptor)
    finally:
        os.close(descriptor)


def _given_up(place: Path) -> Path:
    """Rename the scratch *place* to show that its user has finished with it, and return the new path."""
    new = place.with_name(place.name + _GIVEN_UP)
    try:
        place.rename(new)
    except OSError:  # nothing can be written any more, and then it is better not to rename it
        return place
    return new


def _is_left_over(place: Path) -> bool:
    if place.name.endswith(_GIVEN_UP):
        return False
    with _unused(place) as unused:
        return unused and _has_content(place)


def _has_content(place: Path) -> bool:
    try:
        return any(place.iterdir())
    except OSError:
        return False
