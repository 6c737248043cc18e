"""The pool: every distinct file of the store under its digest, shared by hard links.

    pool/<2 hex>/<62 hex>        a file with mode 0444
    pool/<2 hex>/<62 hex>x       a file with mode 0555
    pool/tmp/<pid>-<number>      a link on its way to replace a file

An entry is one more hard link to a file of some object: it costs a directory entry and no
data. Sharing is never needed for correctness: an entry that is missing, or that has as
many links as the file system allows, means one more copy. An entry whose only link is
the pool's own is garbage, and `sweep` removes it.

An entry appears before its bytes are on the disk. Until the `syncfs` that goes with an object's
commit, all its other links lie in scratch directories. So after a power failure (another
boot id), and after a `syncfs` that failed, remove the scratch directories and `sweep` before
anything else is linked: what then remains in the pool has a link in a committed object.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os

from typing import TYPE_CHECKING, Self

import attrs

from store.interrupt import check
from store.parallel import in_parallel


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_TEMPORARY = "tmp"
_HEX_DIGITS = 64
_WORKERS = 16  # far more than processors: a thread that unlinks a file's last name waits for the disk

# What says that this file cannot be shared, rather than that something is wrong: too many
# links, a full directory index (ext4), a file system or a kernel policy without hard links.
_NO_LINK = frozenset({errno.EMLINK, errno.ENOSPC, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS})


@attrs.frozen
class Swept:
    """What a sweep removed: entries, and the bytes on disk that they held."""

    entries: int
    size: int


@attrs.frozen
class Pooled:
    """One entry of the pool."""

    digest: bytes
    executable: bool
    inode: int


@attrs.define
class Pool:
    """A directory of hard links to files by content; any number of threads and processes may use it at once."""

    directory: Path
    _fd: int
    _numbers: Iterator[int] = attrs.field(factory=itertools.count, init=False, repr=False)

    @classmethod
    def open(cls, directory: Path) -> Pool:
        """Return the pool in *directory*, which is created if it is not there."""
        (directory / _TEMPORARY).mkdir(parents=True, exist_ok=True)
        return cls(directory, os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def close(self) -> None:
        """Release the pool's descriptor."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def has(self, digest: bytes, executable: bool) -> bool:
        """Return whether there is a file with *digest* to link to."""
        return os.access(_entry(digest, executable), os.F_OK, dir_fd=self._fd)

    def link(
        self, digest: bytes, executable: bool, dir_fd: int | None, name: bytes | str, *, likely: bool = False
    ) -> bool:
        """Make *name* in *dir_fd* a link to the file with *digest*; return whether the pool could do it.

        Where that is *likely*, nothing is asked before: an exception costs twice as much as the question.
        """
        entry = _entry(digest, executable)
        if not likely and not os.access(entry, os.F_OK, dir_fd=self._fd):
            return False
        try:
            os.link(entry, name, src_dir_fd=self._fd, dst_dir_fd=dir_fd)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in _NO_LINK:
                return False
            raise
        return True

    def offer(self, digest: bytes, executable: bool, dir_fd: int | None, name: bytes | str) -> None:
        """Share the file *name* in *dir_fd*, which is canonical and has *digest*.

        If the pool has such a file already, *name* becomes a link to that one. If that one
        has all the links it can have, or another size, *name*'s file takes its place.
        """
        entry = _entry(digest, executable)
        try:
            try:
                os.link(name, entry, src_dir_fd=dir_fd, dst_dir_fd=self._fd, follow_symlinks=False)
            except FileNotFoundError:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(entry[:2], dir_fd=self._fd)
                os.link(name, entry, src_dir_fd=dir_fd, dst_dir_fd=self._fd, follow_symlinks=False)
        except FileExistsError:
            if not self._replace(entry, dir_fd, name):
                self._supersede(entry, dir_fd, name)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise

    def entries(self) -> Iterator[Pooled]:
        """Yield every entry, in no order."""
        for shard in self._shards():
            for item in self._items(shard):
                digits = shard + item.name
                try:
                    digest = bytes.fromhex(digits[:_HEX_DIGITS])
                except ValueError:
                    continue  # not ours, or on its way
                yield Pooled(digest, digits[_HEX_DIGITS:] == "x", item.inode())

    def is_link_to(self, pooled: Pooled, status: os.stat_result) -> bool:
        """Return whether what has *status* is the very file *pooled*; inode numbers alone do not tell on every file system."""
        entry = self._stat(_entry(pooled.digest, pooled.executable))
        return entry is not None and os.path.samestat(entry, status)

    def sweep(self) -> Swept:
        """Remove every entry that nothing but the pool links to, and links that were on their way."""
        swept = in_parallel(self._sweep_shard, self._shards(), _WORKERS)
        return Swept(sum(each.entries for each in swept), sum(each.size for each in swept))

    def drop(self, entry: Pooled) -> None:
        """Remove *entry*, so that nothing is linked to its file any more."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_entry(entry.digest, entry.executable), dir_fd=self._fd)

    def _sweep_shard(self, shard: str) -> Swept:
        entries = size = 0
        for item in self._items(shard):
            check()
            try:
                status = item.stat(follow_symlinks=False)
                if status.st_nlink > 1 and shard != _TEMPORARY:
                    continue
                os.unlink(f"{shard}/{item.name}", dir_fd=self._fd)
            except FileNotFoundError:
                continue  # another sweep took it
            entries += 1
            if status.st_nlink == 1:
                size += status.st_blocks * 512
        return Swept(entries, size)

    def _replace(self, entry: str, dir_fd: int | None, name: bytes | str) -> bool:
        """Make *name* a link to *entry*; return False if *entry* cannot serve and should be replaced."""
        pooled = self._stat(entry)
        own = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if pooled is None or (pooled.st_ino, pooled.st_dev) == (own.st_ino, own.st_dev):
            return True
        if pooled.st_size != own.st_size:
            return False
        temporary = self._temporary()
        try:
            os.link(entry, temporary, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            os.rename(temporary, name, src_dir_fd=self._fd, dst_dir_fd=dir_fd)
        except FileNotFoundError:
            return True  # a sweep was quicker; nothing is shared and nothing is wrong
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            return error.errno != errno.EMLINK
        return True

    def _supersede(self, entry: str, dir_fd: int | None, name: bytes | str) -> None:
        temporary = self._temporary()
        try:
            os.link(name, temporary, src_dir_fd=dir_fd, dst_dir_fd=self._fd, follow_symlinks=False)
            os.rename(temporary, entry, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except FileNotFoundError:
            return  # a sweep was quicker
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise

    def _stat(self, entry: str) -> os.stat_result | None:
        try:
            return os.stat(entry, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _temporary(self) -> str:
        return f"{_TEMPORARY}/{os.getpid()}-{next(self._numbers)}"

    def _shards(self) -> list[str]:
        with os.scandir(self._fd) as shards:
            return sorted(shard.name for shard in shards)

    def _items(self, shard: str) -> Iterator[os.DirEntry[str]]:
        fd = os.open(shard, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._fd)
        try:
            with os.scandir(fd) as items:
                yield from items
        finally:
            os.close(fd)


def _entry(digest: bytes, executable: bool) -> str:
    digits = digest.hex()
    return f"{digits[:2]}/{digits[2:]}x" if executable else f"{digits[:2]}/{digits[2:]}"
