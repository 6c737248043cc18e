"""builtin:initramfs: a newc archive of the described entries, the same bytes wherever it is made.

Mounts `/0000`, …: the trees to copy from. Environment: `entries`, JSON, path to entry
(see `derivations.image.initramfs`); `compression`: `gzip`, `xz` or `zstd`.

Entries later in the order of paths, which are the more specific ones, replace what a copied tree has
at their paths. A compressor gives the same bytes as long as its version is the same.
"""

from __future__ import annotations

import json
import lzma
import os
import stat
import sys
import zlib

from typing import TYPE_CHECKING, Any, Protocol

from derivations.image.newc import CpioEntry, archive
from derivations.realise.job import Cancelled
from derivations.realise.merged_usr import spellings
from store.errors import Error
from store.trees.writer import TreeWriter


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from derivations.realise.job import Job
    from store.trees.content import Content


_CHUNK = 1024 * 1024  # bytes; any number of some hundred kilobytes would do
_MAX_LINKS = 40  # as many as the kernel follows
_ZSTD_LEVEL = 19  # the highest that needs no more memory to read: it is written once, and read at each boot
_DEVICES = {"b": stat.S_IFBLK, "c": stat.S_IFCHR}


class InvalidInitramfs(Error):
    """An initramfs cannot have one of its entries."""

    name: str
    place: str
    reason: str

    def __str__(self) -> str:
        return f"cannot make {self.name}: {self.place}: {self.reason}"


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


_COMPRESSORS: dict[str, Callable[[], _Compressor]] = {
    # Like `gzip -n`, zlib writes neither a name nor a time into the header.
    "gzip": lambda: zlib.compressobj(level=9, wbits=31),
    # The kernel's decoder supports only CRC32 (Documentation/staging/xz.rst).
    "xz": lambda: lzma.LZMACompressor(lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, preset=9),
    "zstd": lambda: zstd.ZstdCompressor(level=_ZSTD_LEVEL),
}


def initramfs(job: Job) -> Content:
    """Make the archive of *job*.

    Raises:
        InvalidInitramfs: a source does not exist, or an entry is below a file.
        TooLarge: a file has 4 GiB or more.
    """
    name = job.derivation.name
    nodes: dict[bytes, CpioEntry] = {}
    for path, facts in sorted(json.loads(job.derivation.env["entries"]).items(), key=lambda it: it[0].split("/")):
        for node in _nodes(job, path, facts):
            nodes[node.path] = node
    for path in nodes:
        parent = nodes.get(path.rpartition(b"/")[0])
        if parent is not None and not stat.S_ISDIR(parent.mode):
            raise InvalidInitramfs(name, os.fsdecode(path), "its parent is not a directory")
    data = _watched(job, archive(nodes.values()))
    if make := _COMPRESSORS.get(job.derivation.env.get("compression", "")):
        data = _compressed(data, make())
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("", data)
        return writer.finish()


def _nodes(job: Job, path: str, facts: dict[str, Any]) -> Iterable[CpioEntry]:
    """Return the archive's nodes for the entry at *path*."""
    place = path.encode()
    match facts["kind"]:
        case "directory":
            return [CpioEntry(path=place, mode=stat.S_IFDIR | facts["mode"])]
        case "file":
            return [_in_memory(place, stat.S_IFREG | facts["mode"], facts["text"].encode())]
        case "link":
            return [_in_memory(place, stat.S_IFLNK | 0o777, facts["target"].encode())]
        case "device":
            mode = _DEVICES[facts["type"]] | facts["mode"]
            return [CpioEntry(path=place, mode=mode, device=(facts["major"], facts["minor"]))]
        case "copy":
            source = _resolve(job, job.inputs[facts["from"]], facts["path"])
            return _copied(source, place, facts.get("mode"))
        case kind:
            raise InvalidInitramfs(job.derivation.name, path, f"unknown kind {kind!r}")


def _in_memory(path: bytes, mode: int, data: bytes) -> CpioEntry:
    return CpioEntry(path=path, mode=mode, size=len(data), data=lambda: (data,))


def _copied(source: Path, place: bytes, wanted: int | None) -> Iterator[CpioEntry]:
    """Yield nodes for *source* and everything below it, at *place*."""
    pending = [(source, place)]
    while pending:
        path, place = pending.pop()
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode):
            yield CpioEntry(path=place, mode=stat.S_IFDIR | 0o755)
            pending += [(child, place + b"/" + os.fsencode(child.name)) for child in path.iterdir()]
        elif stat.S_ISLNK(status.st_mode):
            yield _in_memory(place, stat.S_IFLNK | 0o777, os.fsencode(path.readlink()))
        else:
            mode = wanted if wanted is not None else 0o755 if status.st_mode & stat.S_IXUSR else 0o644
            yield CpioEntry(path=place, mode=stat.S_IFREG | mode, size=status.st_size, data=_reading(path))


def _reading(path: Path) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    return read


def _resolve(job: Job, root: Path, path: str) -> Path:
    """Return the location of *path* in the tree *root*, before or after the merge of `/usr`.

    Raises:
        InvalidInitramfs: it does not exist.
    """
    found = next(filter(None, (_followed(root, each) for each in spellings(path))), None)
    if found is None:
        raise InvalidInitramfs(job.derivation.name, path, f"is not in {root.name.partition('-')[2] or root.name}")
    return found


def _followed(root: Path, path: str) -> Path | None:
    """Return the location of *path* in *root*, following symbolic links as after `chroot`, None if missing."""
    pending = [part for part in reversed(path.split("/")) if part]
    resolved: list[str] = []
    links = 0
    while pending:
        part = pending.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            del resolved[-1:]
            continue
        here = root.joinpath(*resolved, part)
        if pending and here.is_symlink() and links < _MAX_LINKS:
            links += 1
            goal = str(here.readlink())
            resolved = [] if goal.startswith("/") else resolved
            pending += reversed(goal.split("/"))
            continue
        resolved.append(part)
    found = root.joinpath(*resolved)
    return None if links == _MAX_LINKS or not os.path.lexists(found) else found


def _watched(job: Job, data: Iterable[bytes]) -> Iterator[bytes]:
    done = 0
    for piece in data:
        if job.cancelled():
            raise Cancelled(job.derivation.name)
        done += len(piece)
        job.progress(done, None)
        yield piece


def _compressed(data: Iterable[bytes], compressor: _Compressor) -> Iterator[bytes]:
    for piece in data:
        yield compressor.compress(piece)
    yield compressor.flush()
