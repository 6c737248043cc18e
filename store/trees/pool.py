"""The pool: every distinct file of the store by its digest, shared through hard links.

    pool/<2 hex>/<62 hex>        a file with mode 0444
    pool/<2 hex>/<62 hex>x       a file with mode 0555
    pool/doubtful/<2 hex>/…      the same, but not read since the last doubtful moment
    pool/damaged/<64 hex>…       files that do not match the digest in their name
    pool/tmp/<pid>-<number>      a link about to replace a file

An entry is one more hard link to a file of some object: it costs a directory entry and no
data. Correctness never depends on sharing: if an entry is missing, or has as many links as
the file system allows, there is one more copy. An entry whose only link is the pool's own
is garbage, and `sweep` removes it.

An entry appears before its bytes are on the disk. Until the `syncfs` of an object's commit, its only other links are
in scratch directories. So after a doubtful moment (`store.scratch` lists them), remove the scratch directories and
`sweep` before linking anything else: each remaining entry then has a link in a committed object. In theory that is
enough; but disks fail. So no remaining entry is trusted (`doubt_all`): it is read before it is linked for the first time,
and its place says whether that has been done. An entry that does not match its digest is never linked again; it
moves to `damaged`, and an intact file takes its name.

Between doubtful moments an entry is checked without being read: writing to a file changes its time.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import os
import re
import stat

from typing import TYPE_CHECKING, Self

import attrs

from blake3 import blake3

from store.osutil.interrupt import check
from store.osutil.parallel import in_parallel
from store.trees.reading import OPEN_FILE
from store.trees.seal import EXECUTABLE_MODE, FILE_MODE, MTIME_NS


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


_TEMPORARY = "tmp"
_DOUBTFUL = "doubtful"
_DAMAGED = "damaged"
_HEX_DIGITS = 64  # of a BLAKE3 digest
_SHARD = re.compile(r"[0-9a-f]{2}")  # as in git's object store: each directory holds a small part of all entries
_IN_SHARD = re.compile(r"[0-9a-f]{62}x?")
_EMPTY = blake3().digest()
_CHUNK = 1 << 20  # bytes: hashing them takes far longer than the system call, and an interrupt is still noticed soon
_FILE = stat.S_IFREG | FILE_MODE
_EXECUTABLE = stat.S_IFREG | EXECUTABLE_MODE
_WORKERS = 16  # far more than processors: a thread that unlinks a file's last name mostly waits for the disk

_OWN = frozenset({_TEMPORARY, _DOUBTFUL, _DAMAGED})
_UNREADABLE = frozenset({errno.EIO, errno.ELOOP, errno.ENXIO})  # a damaged disk, a symbolic link, a socket
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})

# Errors that only mean that this file cannot be shared: too many links, a full directory
# index (ext4), a file system or a kernel policy without hard links, a stray file where the pool needs a directory.
_NO_LINK = frozenset(
    {errno.EMLINK, errno.ENOSPC, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTDIR}
)


@attrs.frozen
class Swept:
    """What a sweep removed: entries, and the bytes that they took on the disk."""

    entries: int
    size: int


@attrs.frozen
class Pooled:
    """An entry of the pool."""

    digest: bytes
    executable: bool
    inode: int

    @property
    def name(self) -> str:
        """Return its name in the pool."""
        return _entry(self.digest, self.executable)


@attrs.define
class Pool:
    """A directory of hard links to files by content; threads and processes may use it at the same time."""

    directory: Path
    _fd: int
    _numbers: Iterator[int] = attrs.field(factory=itertools.count, init=False, repr=False)
    _doubts: bool = attrs.field(default=False, init=False)  # whether there may be doubtful entries

    @classmethod
    def open(cls, directory: Path) -> Pool:
        """Return the pool in *directory*, creating it if it does not exist."""
        (directory / _TEMPORARY).mkdir(0o755, parents=True, exist_ok=True)
        pool = cls(directory, os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        try:
            pool.check_doubtful()
        except BaseException:
            pool.close()
            raise
        return pool

    def fileno(self) -> int:
        """Return a descriptor of the pool's directory."""
        return self._fd

    def close(self) -> None:
        """Release the pool's descriptor."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def has(self, digest: bytes, executable: bool) -> bool:
        """Return whether the pool has a file with *digest*, as far as can be seen without reading it."""
        entry = _entry(digest, executable)
        return any(os.access(place, os.F_OK, dir_fd=self._fd) for place in self._places(entry))

    def link(
        self, digest: bytes, executable: bool, dir_fd: int | None, name: bytes | str, *, likely: bool = False
    ) -> bool:
        """Make *name* in *dir_fd* a link to the file with *digest*; return whether the pool could do it.

        If that is *likely*, nothing is checked first: an exception costs twice as much as a check.
        """
        entry = _entry(digest, executable)
        try:
            if not likely and not os.access(entry, os.F_OK, dir_fd=self._fd) and not self._trust(entry):
                return False
            # Repeats `_is_fit` inline, because this runs for every file of a tree.
            status = os.stat(entry, dir_fd=self._fd, follow_symlinks=False)
            fit = status.st_mode == (_EXECUTABLE if executable else _FILE) and status.st_mtime_ns == MTIME_NS
            if not (fit and (status.st_size or digest == _EMPTY)) and not self._check(entry, entry):
                return False
            os.link(entry, name, src_dir_fd=self._fd, dst_dir_fd=dir_fd)
        except FileNotFoundError:
            return likely and self._trust(entry) and self.link(digest, executable, dir_fd, name)
        except OSError as error:
            if error.errno in _NO_LINK:
                return False
            raise
        return True

    def offer(self, digest: bytes, executable: bool, dir_fd: int | None, name: bytes | str) -> None:
        """Share the file *name* in *dir_fd*, which is canonical and has *digest*.

        If the pool already has such a file, *name* becomes a link to that. If the pool's
        file is damaged or cannot have more links, *name*'s file replaces it.
        """
        entry = _entry(digest, executable)
        if self._doubts:
            self._trust(entry)
        try:
            try:
                os.link(name, entry, src_dir_fd=dir_fd, dst_dir_fd=self._fd, follow_symlinks=False)
            except FileNotFoundError:
                self._make_directory(entry[:2])
                os.link(name, entry, src_dir_fd=dir_fd, dst_dir_fd=self._fd, follow_symlinks=False)
        except FileExistsError:
            if not self._replace(entry, dir_fd, name):
                self._supersede(entry, dir_fd, name)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise

    def doubt_all(self) -> None:
        """Trust no entry until it has been read again. Only inside the gate, exclusively."""
        for shard in self._shards():
            while True:
                self._make_directory(_DOUBTFUL)
                try:
                    os.rename(shard, f"{_DOUBTFUL}/{shard}", src_dir_fd=self._fd, dst_dir_fd=self._fd)
                except FileNotFoundError:
                    if self._exists(shard):
                        continue  # a sweep has removed the new directory
                except OSError as error:
                    if error.errno not in _NOT_EMPTY:
                        raise
                    self._merge(shard)
                break
        self.check_doubtful()

    def check_doubtful(self) -> None:
        """Check for doubtful entries; without this, a process makes copies instead of links to them."""
        self._doubts = os.access(_DOUBTFUL, os.F_OK, dir_fd=self._fd)

    def damaged(self) -> list[str]:
        """Return the places in the pool of damaged files that objects still have."""
        try:
            return sorted(f"{_DAMAGED}/{item.name}" for item in self._items(_DAMAGED))
        except FileNotFoundError:
            return []

    def entries(self) -> Iterator[Pooled]:
        """Yield every entry, doubtful ones included, in no particular order."""
        for shard in self._shards_and_doubtful():
            for item in self._items(shard):
                if _is_entry(item):
                    digits = shard[-2:] + item.name
                    yield Pooled(bytes.fromhex(digits[:_HEX_DIGITS]), digits[_HEX_DIGITS:] == "x", item.inode())

    def links(self) -> Iterator[tuple[int, Callable[[], os.stat_result]]]:
        """Yield, for each entry, damaged ones included, its inode and a function that returns its status."""
        for shard in [*self._shards_and_doubtful(), _TEMPORARY, *filter(self._exists, [_DAMAGED])]:
            for item in self._items(shard):
                yield item.inode(), functools.partial(item.stat, follow_symlinks=False)

    def strays(self) -> Iterator[str]:
        """Yield the place of everything that the pool never makes: files among its directories, and the reverse."""
        for item in self._items("."):
            if not (item.is_dir(follow_symlinks=False) and (item.name in _OWN or _is_shard(item.name))):
                yield item.name
        if self._exists(_DOUBTFUL):
            for item in self._items(_DOUBTFUL):
                if not (item.is_dir(follow_symlinks=False) and _is_shard(item.name)):
                    yield f"{_DOUBTFUL}/{item.name}"
        for shard in self._shards_and_doubtful():
            yield from (f"{shard}/{item.name}" for item in self._items(shard) if not _is_entry(item))

    def is_link_to(self, pooled: Pooled, status: os.stat_result) -> bool:
        """Return whether *status* is of the file *pooled* itself; on some file systems the inode is not enough."""
        found = map(self._stat, self._places(_entry(pooled.digest, pooled.executable)))
        return any(entry is not None and os.path.samestat(entry, status) for entry in found)

    def is_whole(self, pooled: Pooled) -> bool:
        """Read *pooled* and return whether it matches its name, or is missing or unreadable and so not linked."""
        for place in (pooled.name, f"{_DOUBTFUL}/{pooled.name}"):
            try:
                fd = os.open(place, OPEN_FILE, dir_fd=self._fd)
            except (FileNotFoundError, PermissionError):
                continue
            except OSError:
                return False
            try:
                if os.fstat(fd).st_ino == pooled.inode and not _holds(fd, pooled.name):
                    return False
            finally:
                os.close(fd)
        return True

    def is_damaged(self, pooled: Pooled) -> bool:
        """Return whether *pooled* was found to be damaged, and has not been linked since."""
        status = self._stat(f"{_DAMAGED}/{pooled.name.replace('/', '')}")
        return status is not None and status.st_ino == pooled.inode

    def set_aside(self, pooled: Pooled) -> None:
        """Prevent further links to *pooled*, which is damaged."""
        self.check_doubtful()
        for place in self._places(pooled.name):
            status = self._stat(place)
            if status is not None and status.st_ino == pooled.inode:
                self._set_aside(place, pooled.name)

    def sweep(self) -> Swept:
        """Remove every entry that only the pool links to, and temporary links."""
        shards = [*self._shards_and_doubtful(), _TEMPORARY, *filter(self._exists, [_DAMAGED])]
        swept = in_parallel(self._sweep_shard, shards, _WORKERS)
        for directory in [*(shard for shard in shards if shard.startswith(f"{_DOUBTFUL}/")), _DOUBTFUL, _DAMAGED]:
            with contextlib.suppress(OSError):  # the directory is not empty
                os.rmdir(directory, dir_fd=self._fd)
        self.check_doubtful()
        return Swept(sum(each.entries for each in swept), sum(each.size for each in swept))

    def drop(self, entry: Pooled) -> None:
        """Remove *entry*, so that nothing links to its file from now on."""
        for place in self._places(_entry(entry.digest, entry.executable)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place, dir_fd=self._fd)

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
                continue  # another sweep removed it
            except IsADirectoryError:
                continue  # a stray
            entries += 1
            if status.st_nlink == 1:
                size += status.st_blocks * 512
        return Swept(entries, size)

    def _replace(self, entry: str, dir_fd: int | None, name: bytes | str) -> bool:
        """Make *name* a link to *entry*; return False if *entry* is unusable and should be replaced."""
        pooled = self._stat(entry)
        own = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if pooled is None or (pooled.st_ino, pooled.st_dev) == (own.st_ino, own.st_dev):
            return True
        if pooled.st_size != own.st_size:
            self._set_aside(entry, entry)
            return False
        if not _is_fit(entry, pooled) and not self._check(entry, entry):
            return False
        temporary = self._temporary()
        try:
            os.link(entry, temporary, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            os.rename(temporary, name, src_dir_fd=self._fd, dst_dir_fd=dir_fd)
        except FileNotFoundError:
            return True  # a sweep was quicker; nothing is shared, but nothing is wrong
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

    def _trust(self, entry: str) -> bool:
        """Return whether a doubtful *entry* exists and is intact; from now on it is trusted."""
        return self._doubts and self._check(f"{_DOUBTFUL}/{entry}", entry)

    def _check(self, place: str, entry: str) -> bool:
        """Return whether the file at *place* exists and matches *entry*; if it does not match, set it aside."""
        try:
            fd = os.open(place, OPEN_FILE, dir_fd=self._fd)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in _UNREADABLE:
                self._set_aside(place, entry)
            return False
        try:
            if not _holds(fd, entry):
                self._set_aside(place, entry)
                return False
            if not _is_fit(entry, os.fstat(fd)):
                os.fchmod(fd, _mode(entry))
                os.utime(fd, ns=(MTIME_NS, MTIME_NS))
        except PermissionError:  # it belongs to another user
            return False
        finally:
            os.close(fd)
        if place != entry:
            self._make_directory(entry[:2])
            with contextlib.suppress(FileNotFoundError):  # another process has read it, too
                os.rename(place, entry, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        return True

    def _set_aside(self, place: str, entry: str) -> None:
        self._make_directory(_DAMAGED)
        with contextlib.suppress(FileNotFoundError):  # another process did it
            os.rename(place, f"{_DAMAGED}/{entry.replace('/', '')}", src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def _merge(self, shard: str) -> None:
        """Move the contents of *shard* to the existing doubtful entries."""
        for item in list(self._items(shard)):
            with contextlib.suppress(FileNotFoundError):
                place = f"{shard}/{item.name}"
                os.rename(place, f"{_DOUBTFUL}/{place}", src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def _make_directory(self, name: str) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=self._fd)

    def _exists(self, place: str) -> bool:
        return os.access(place, os.F_OK, dir_fd=self._fd)

    def _places(self, entry: str) -> tuple[str, ...]:
        return (entry, f"{_DOUBTFUL}/{entry}") if self._doubts else (entry,)

    def _stat(self, entry: str) -> os.stat_result | None:
        try:
            return os.stat(entry, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _temporary(self) -> str:
        return f"{_TEMPORARY}/{os.getpid()}-{next(self._numbers)}"

    def _shards(self) -> list[str]:
        return sorted(item.name for item in self._items(".") if _is_shard(item.name))

    def _shards_and_doubtful(self) -> list[str]:
        doubtful: list[str] = []
        with contextlib.suppress(FileNotFoundError):
            doubtful = [f"{_DOUBTFUL}/{item.name}" for item in self._items(_DOUBTFUL) if _is_shard(item.name)]
        return [*self._shards(), *doubtful]

    def _items(self, shard: str) -> Iterator[os.DirEntry[str]]:
        """Yield what is in the directory *shard*; nothing if it is a stray file or link."""
        try:
            fd = os.open(shard, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._fd)
        except NotADirectoryError:
            return
        try:
            with os.scandir(fd) as items:
                yield from items
        finally:
            os.close(fd)


def _entry(digest: bytes, executable: bool) -> str:
    digits = digest.hex()
    return f"{digits[:2]}/{digits[2:]}x" if executable else f"{digits[:2]}/{digits[2:]}"


def _is_shard(name: str) -> bool:
    return _SHARD.fullmatch(name) is not None


def _is_entry(item: os.DirEntry[str]) -> bool:
    return _IN_SHARD.fullmatch(item.name) is not None and not item.is_dir(follow_symlinks=False)


def _mode(entry: str) -> int:
    return EXECUTABLE_MODE if entry.endswith("x") else FILE_MODE


def _digest(entry: str) -> bytes:
    return bytes.fromhex(entry[:2] + entry[3 : _HEX_DIGITS + 1])


def _is_fit(entry: str, status: os.stat_result) -> bool:
    """Return whether *status* is of a file that has not been written to since it became *entry*."""
    return (
        status.st_mtime_ns == MTIME_NS
        and status.st_mode == stat.S_IFREG | _mode(entry)
        and (status.st_size > 0 or _digest(entry) == _EMPTY)
    )


def _holds(fd: int, entry: str) -> bool:
    """Return whether the file *fd* is readable and has *entry*'s digest."""
    hasher = blake3()
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return False
        while data := os.read(fd, _CHUNK):
            check()
            hasher.update(data)
    except OSError:
        return False
    return hasher.digest() == _digest(entry)
