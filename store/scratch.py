"""Scratch directories: where trees come into being, on the file system of the store.

A scratch is `builds/<random>`, mode 0700, locked (`flock` on the directory itself) by the process
that uses it for as long as it does. One that nobody has locked was left by a process that died.
Between `mkdir` and the lock it looks just like that; so who has locked a new one looks
whether it is still there, and makes another if a sweeper was quicker.

The pool's files appear under their digests before their bytes are on the disk, and until a
commit's `syncfs` they have other links in scratches only. After a power failure such a file may be
damaged, and it would be linked into new objects. So whoever makes the first scratch after
a boot removes all old ones and sweeps the pool, with the gate (`store.locks`) closed; the file
`boot` says for which boot that was done, and it is deleted when a `syncfs` fails.
"""

from __future__ import annotations

import contextlib
import os

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from store.failpoints import reach
from store.interrupt import a_moment
from store.locks import leads_to, try_flock
from store.remove import remove_tree
from store.space import disk_full_told


if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.layout import Layout
    from store.locks import Gate
    from store.pool import Pool


_PATIENCE = 0.5
"""Seconds that removing a scratch may take after an interrupt."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@attrs.frozen
class Scratches:
    """The scratch directories of a store."""

    layout: Layout
    gate: Gate
    pool: Pool

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give the body an empty directory, which goes away with all that is left in it."""
        with disk_full_told(self.layout.builds):
            self._recover()
            path, descriptor = self._make()
        try:
            yield path
        finally:
            try:
                reach("scratch: remove")
                self._remove(path)
            finally:
                os.close(descriptor)

    def _remove(self, path: Path) -> None:
        """Remove the scratch at *path*; if that takes long and somebody is in a hurry, the collector does the rest."""
        with a_moment(_PATIENCE):
            remove_tree(path)
        if path.exists():
            path.rename(self.layout.trash / f"{path.name}-0")

    def sweep(self) -> tuple[int, int]:
        """Remove the scratches that nobody uses; return how many files and bytes went."""
        files = size = 0
        for place in sorted(self.layout.builds.iterdir()):
            descriptor = _open(place)
            if descriptor is None:  # its user was done with it
                continue
            try:
                if try_flock(descriptor):
                    removed = remove_tree(place)
                    files, size = files + removed[0], size + removed[1]
            finally:
                os.close(descriptor)
        return files, size

    def distrust(self) -> None:
        """Let the next scratch of anybody be preceded by a recovery."""
        self._boot.unlink(missing_ok=True)

    @property
    def _boot(self) -> Path:
        return self.layout.home / "boot"

    def _recover(self) -> None:
        boot = _BOOT_ID.read_text()
        if self._recovered(boot):
            return
        with self.gate.exclusive():
            if self._recovered(boot):
                return
            self.sweep()
            self.pool.sweep()
            temporary = self._boot.with_suffix(".new")
            temporary.touch(0o600)
            temporary.write_text(boot)
            temporary.rename(self._boot)

    def _recovered(self, boot: str) -> bool:
        try:
            return self._boot.read_text() == boot
        except FileNotFoundError:
            return False

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
    except FileNotFoundError:
        return None
