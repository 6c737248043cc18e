"""The directories of the compile cache, `<home>/cache/ccache`: one for each toolchain, named after its store path.

The directory that holds them is closed to others; ccache's own may be written by any user that builds. `flock` on a cache,
shared, holds it while a build uses it; `flock` on the directory above, exclusive, while caches are made smaller. Nobody waits
for these locks: a build that does not get them is done without a cache.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time

from typing import TYPE_CHECKING

import attrs

from store.errors import Error, reason_of
from store.osutil.privacy import who_else
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


_BLOCK = 512  # bytes, of `st_blocks`
_STATISTICS = "stats"  # ccache's counters, in each directory


class CompileCacheRefused(Error):
    """The directory of the compile cache does not belong to us alone."""

    place: Path
    reason: str

    def __str__(self) -> str:
        return f"the compile cache in {self.place} is not used: {self.reason}"

    @property
    def hint(self) -> str:
        """Return what to do."""
        return f"remove {self.place}, or `chmod 700` it if it is yours"


@attrs.frozen
class Shrunk:
    """How many bytes of the compile cache were removed, and how many are left."""

    freed: int
    left: int


@attrs.frozen
class CompileCaches:
    """The caches in *place*."""

    place: Path

    def check(self) -> None:
        """Make sure that nobody else can change what is cached.

        Raises:
            CompileCacheRefused: somebody can.
        """
        try:
            reason = who_else(self.place)
        except OSError as error:
            reason = reason_of(error)
        if reason is not None:
            raise CompileCacheRefused(self.place, reason)

    @contextlib.contextmanager
    def using(self, toolchain: str, *, alone: bool) -> Iterator[Path | None]:
        """Hold the cache of *toolchain* in the body, which is made if it is missing, against removal.

        The body gets None if the cache is being made smaller, or cannot be held *alone*, without other builds.

        Raises:
            CompileCacheRefused: somebody else can change it, or it cannot be made.
        """
        with contextlib.ExitStack() as held:
            try:
                with contextlib.suppress(FileExistsError):
                    self.place.mkdir(mode=0o700)
                self.check()
                with _locked(self.place, fcntl.LOCK_SH):
                    cache = self.place / toolchain
                    with contextlib.suppress(FileExistsError):
                        cache.mkdir(mode=0o755)
                    held.enter_context(_locked(cache, fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
            except BlockingIOError:
                yield None
                return
            except OSError as error:
                raise CompileCacheRefused(self.place, reason_of(error)) from None
            yield cache

    def size(self) -> int:
        """Return the bytes that all caches take on the disk.

        Raises:
            CompileCacheRefused: somebody else can change them.
        """
        self.check()
        return sum(it.size for name in self._names() for it in _files(self.place / name))

    def shrink(
        self,
        max_size: int,
        max_age: float | None = None,
        *,
        is_gone: Callable[[str], bool] = lambda _: False,
        dry_run: bool = False,
    ) -> Shrunk:
        """Remove the caches of toolchains that are gone, what was not used for *max_age* seconds, and the oldest beyond *max_size*.

        What a build uses stays; ccache bounds that itself. With *dry_run* only say what would be removed.

        Raises:
            CompileCacheRefused: somebody else can change them.
        """
        self.check()
        freed, files = 0, list[_File]()
        oldest = -1.0 if max_age is None else time.time() - max_age
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(_locked(self.place, fcntl.LOCK_EX))
            except OSError:  # there is none, or another process is at it
                return Shrunk(0, self.size())
            used = 0
            for name in self._names():
                cache = self.place / name
                found = list(_files(cache))
                try:
                    held.enter_context(_locked(cache, fcntl.LOCK_EX))
                except OSError:
                    used += sum(it.size for it in found)
                    continue
                if is_gone(name) or not max_size:
                    freed += sum(it.size for it in found)
                    if not dry_run:
                        remove_tree(cache)
                else:
                    files += found
            left = used + sum(it.size for it in files)
            for file in sorted(files):
                if file.used < oldest or left > max_size:
                    if not dry_run:
                        file.remove()
                    left -= file.size
                    freed += file.size
            return Shrunk(freed, left)

    def _names(self) -> list[str]:
        try:
            return sorted(it.name for it in self.place.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise CompileCacheRefused(self.place, reason_of(error)) from None


@attrs.frozen(order=True)
class _File:
    """A file of a cache; ccache sets its time at each use."""

    used: float
    size: int
    path: str

    def remove(self) -> None:
        with contextlib.suppress(OSError):  # it is gone
            os.unlink(self.path)  # noqa: PTH108 -- a text


def _files(cache: Path) -> Iterator[_File]:
    """Yield the results below *cache*, without ccache's counters."""
    for above, _, names in os.walk(cache):
        for name in names:
            path = os.path.join(above, name)  # noqa: PTH118 -- os.walk gives texts
            with contextlib.suppress(OSError):  # a build may remove it
                status = os.lstat(path)
                if name != _STATISTICS and stat.S_ISREG(status.st_mode):
                    yield _File(status.st_mtime, status.st_blocks * _BLOCK, path)


@contextlib.contextmanager
def _locked(place: Path, how: int) -> Iterator[None]:
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
