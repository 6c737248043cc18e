"""builtin:initramfs: a newc archive of the described entries, the same bytes wherever it is made.

Mounts `/0000`, …: the trees to copy from. Environment: `entries`, JSON, path to entry
(see `derivations.image.entries`); `compression`: `gzip`, `xz`, `zstd`, `none`, `lz4` (which is for another builder to make),
or `auto` for the best that the kernel can unpack.

Entries later in the order of paths, which are the more specific ones, replace what a copied tree has
at their paths. A compressor gives the same bytes as long as its version is the same.

For the initramfs of a kernel there is more. Mount `/config`: its configuration, or `/kernel`: its output with its `config`. Environment: `layers`, JSON, mount
point to what it is, trees that are copied whole; `autoload`, the modules to load first; `init`, an entry that replaces theirs; `base`, entries for what is missing then; `system`
and `release` of the kernel. Two of these may not have a file at one path, and `/init` must be able to run.
"""

from __future__ import annotations

import json
import lzma
import os
import re
import stat
import sys
import zlib

from typing import TYPE_CHECKING, Any, Protocol

import attrs

from derivations.image.compression import AUTOMATIC, OPTION
from derivations.image.kernel import CONFIG, KERNEL
from derivations.image.modules import AUTOLOAD, MODULES
from derivations.image.newc import CpioEntry, archive
from derivations.image.read import MAGIC_LENGTH, is_archive
from derivations.image.runnable import follow, why_not
from derivations.modules.request import expanded
from derivations.realise.job import Cancelled
from derivations.realise.loaded_files import loaded_files, resolve
from derivations.realise.merged_usr import spellings
from derivations.realise.module_tree import ModuleTree
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
_ZSTD_LEVEL = 19  # the highest that needs no more memory to read: it is written once, and read at each boot
_ALIGNMENT = 4
_BUILT_IN = re.compile(r"^CONFIG_([A-Za-z0-9_]+)=y$", re.MULTILINE)
_DEVICES = {"b": stat.S_IFBLK, "c": stat.S_IFCHR}


class InvalidInitramfs(Error):
    """An initramfs cannot have one of its entries, or could not start."""

    name: str
    place: str
    reason: str
    advice: str | None = None

    def __str__(self) -> str:
        return f"cannot make {self.name}: {self.place}: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Say what to change."""
        return self.advice


class CannotUnpack(Error):
    """A kernel cannot unpack an initramfs: its configuration lacks *option*."""

    name: str
    option: str
    compression: str

    def __str__(self) -> str:
        what = "an initramfs" if self.option == "BLK_DEV_INITRD" else f"an initramfs compressed with {self.compression}"
        return f"cannot make {self.name}: the kernel cannot unpack {what}: it is configured without {self.option}"

    @property
    def hint(self) -> str:
        """Say how to get a kernel that can, or an archive that it can unpack."""
        others = (
            "" if self.option == "BLK_DEV_INITRD" else ", or choose another compression; `auto` takes one that it has"
        )
        return f'override it with extra_config={{"{self.option}": YES}}{others}'


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

_QUICK: dict[str, Callable[[], _Compressor]] = {"zstd": lambda: zstd.ZstdCompressor(level=3)}
"""For the initramfs of a kernel: 41 MB take 0.4 s to 10.7 MB, and at the highest level 32 s to 8.5 MB."""


def initramfs(job: Job) -> Content:
    """Make the archive of *job*.

    Raises:
        InvalidInitramfs: a source does not exist, an entry is below a file, or the init cannot run.
        CannotUnpack: the kernel cannot unpack it.
        MemberTooLarge: a file has 4 GiB or more.
    """
    env = job.derivation.env
    nodes = _described(job, "entries")
    compression = env.get("compression", "none")
    if "layers" in env:
        options = _options(job)
        compression = _chosen(job, compression, options)
        nodes = _layered(job, nodes)
        _check(job, nodes, options)
    for path in nodes:
        parent = nodes.get(path.rpartition(b"/")[0])
        if parent is not None and not stat.S_ISDIR(parent.mode):
            raise InvalidInitramfs(job.derivation.name, _shown(path), "its parent is not a directory")
    data = _watched(job, archive(nodes.values()))
    # Many kernels are tried on one machine: what is made for one is made quickly, and unpacked as fast.
    make = _QUICK.get(compression) if "layers" in env else None
    if make := make or _COMPRESSORS.get(compression):
        data = _compressed(data, make())
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("", data)
        return writer.finish()


def _described(job: Job, variable: str) -> dict[bytes, CpioEntry]:
    """Return the nodes of the entries in the environment's *variable*."""
    nodes: dict[bytes, CpioEntry] = {}
    for path, facts in sorted(json.loads(job.derivation.env[variable]).items(), key=lambda it: it[0].split("/")):
        for node in _nodes(job, path, facts):
            nodes[node.path] = node
    return nodes


def _options(job: Job) -> frozenset[str]:
    """Return the options that the kernel has built in."""
    file = job.inputs[CONFIG] if CONFIG in job.inputs else job.inputs[KERNEL] / "config"
    text = file.read_text(encoding="utf-8", errors="replace")
    return frozenset(_BUILT_IN.findall(text))


def _chosen(job: Job, compression: str, options: frozenset[str]) -> str:
    """Return the *compression*, checked, or the best if it is `auto`.

    Raises:
        CannotUnpack: the kernel cannot unpack it.
    """
    if compression == "auto":
        compression = next((it for it in AUTOMATIC if OPTION[it] in options), "none")
    for needed in ("BLK_DEV_INITRD", OPTION.get(compression, "BLK_DEV_INITRD")):
        if needed not in options:
            raise CannotUnpack(job.derivation.name, needed, compression)
    return compression


def _layered(job: Job, entries: dict[bytes, CpioEntry]) -> dict[bytes, CpioEntry]:
    """Return the nodes of the layers, of *entries* above them, of the init, and of the base where it is missing.

    Raises:
        InvalidInitramfs: two of them have a file at one path.
    """
    nodes: dict[bytes, CpioEntry] = {}
    whose: dict[bytes, str] = {}
    first = _described(job, "init")
    sources: list[tuple[str, Iterable[CpioEntry]]] = [
        (what, _layer(job, place)) for place, what in json.loads(job.derivation.env["layers"]).items()
    ]
    for what, found in [*sources, ("the programs and entries", entries.values())]:
        for node in sorted(found, key=lambda it: it.path.split(b"/")):
            place = _real(nodes, node.path)
            if not place or (place in first and place in nodes):
                continue
            other = nodes.get(place)
            if other is not None and not (stat.S_ISDIR(node.mode) and stat.S_ISDIR(other.mode)):
                reason = f"{whose[place]} and {what} both have it"
                raise InvalidInitramfs(job.derivation.name, _shown(place), reason, "leave one of them out")
            nodes[place] = attrs.evolve(node, path=place)
            whose[place] = what
    nodes |= first
    nodes |= _autoload(job)
    for place, node in _described(job, "base").items():
        nodes.setdefault(place, node)
    return nodes


def _layer(job: Job, place: str) -> Iterator[CpioEntry]:
    """Yield the nodes of the tree at the mount point *place*; of modules, without the lists of how they were chosen."""
    for node in _copied(job.inputs[place], b"", None):
        if place != MODULES or node.path.partition(b"/")[0] in {b"", b"lib", b"usr"}:
            yield node


def _autoload(job: Job) -> dict[bytes, CpioEntry]:
    """Return the node of the list of the modules to load first: by name, patterns and directories resolved."""
    words: list[str] = json.loads(job.derivation.env["autoload"])
    if not words:
        return {}
    index = ModuleTree.open(job.inputs[MODULES], "the tree of modules").index
    found = [(word, expanded(word, index)) for word in words]
    names = dict.fromkeys(it for word, several in found for it in ([word] if several is None else several))
    text = "".join(f"{it}\n" for it in names if it not in index.builtin)
    place = AUTOLOAD.encode()
    return {place: _in_memory(place, stat.S_IFREG | 0o644, text.encode())}


def _real(nodes: dict[bytes, CpioEntry], path: bytes) -> bytes:
    """Return *path* with the links among its parents followed: the kernel would, but perhaps before their targets exist."""
    parent, _, name = path.rpartition(b"/")
    found = follow(nodes, parent) if parent else None
    return path if found is None else found + b"/" + name


def _check(job: Job, nodes: dict[bytes, CpioEntry], options: frozenset[str]) -> None:
    """Raise `InvalidInitramfs` if a path cannot be listed, modules are another kernel's, or the init cannot run."""
    name, env = job.derivation.name, job.derivation.env
    for path in nodes:
        if b"\n" in path:
            raise InvalidInitramfs(
                name, _shown(path), "its name has a newline", "rename it: lists of files are by lines"
            )
        above, _, release = path.rpartition(b"/")
        if above in {b"lib/modules", b"usr/lib/modules"} and release.decode(errors="replace") != env["release"]:
            reason = f"these modules are not for Linux {env['release']}"
            raise InvalidInitramfs(name, _shown(path), reason, "leave them out, or make the initramfs for their kernel")
    if b"init" not in nodes:
        if not json.loads(env["base"]):
            return  # of modules alone, to be joined with another
        raise InvalidInitramfs(name, "init", "the template has none", "add an executable file `init`, or give init=")
    if problem := why_not(nodes, b"init", env["system"], options):
        raise InvalidInitramfs(name, "init", problem.reason, problem.hint)


def _shown(path: bytes) -> str:
    return path.decode(errors="backslashreplace").replace("\n", "\\n")


def join_initramfs(job: Job) -> Content:
    """Join the archives of *job*, in the order of their mount points, each padded to a multiple of four bytes.

    Raises:
        InvalidInitramfs: one of them is not an archive.
    """
    for place, path in sorted(job.inputs.items()):
        if not path.is_file():
            raise InvalidInitramfs(job.derivation.name, place.lstrip("/"), "it is a directory, not an archive")
        with path.open("rb") as file:
            if not is_archive(file.read(MAGIC_LENGTH)):
                raise InvalidInitramfs(job.derivation.name, path.name.partition("-")[2], "it is not an initramfs")

    def data() -> Iterator[bytes]:
        for _, path in sorted(job.inputs.items()):
            yield from _reading(path)()
            yield bytes(-path.stat().st_size % _ALIGNMENT)

    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("", _watched(job, data()))
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
        case _:
            return _from_inputs(job, path, facts)


def _from_inputs(job: Job, path: str, facts: dict[str, Any]) -> Iterable[CpioEntry]:
    """Return the archive's nodes for the entry at *path*, which is copied from another derivation's output."""
    place = path.encode()
    match facts["kind"]:
        case "copy":
            source = _resolve(job, job.inputs[facts["from"]], facts["path"])
            return _copied(source, place, facts.get("mode"))
        case "loaded":
            return _loaded(job, place, facts)
        case "joined":
            return [_joined(job, place, facts)]
        case kind:
            raise InvalidInitramfs(job.derivation.name, path, f"unknown kind {kind!r}")


def _loaded(job: Job, place: bytes, facts: dict[str, Any]) -> Iterator[CpioEntry]:
    """Yield the nodes of a program, and of all that it loads."""
    root = job.inputs[facts["from"]]
    source = _resolve(job, root, facts["path"])
    source = resolve(root, str(source.relative_to(root))) or source
    if not source.is_file():
        raise InvalidInitramfs(job.derivation.name, os.fsdecode(place), f"{facts['path']} is not a file")
    for where, path in loaded_files(root, os.fsdecode(place), source).items():
        mode = facts["mode"] if where == os.fsdecode(place) else 0o755
        yield CpioEntry(
            path=os.fsencode(where), mode=stat.S_IFREG | mode, size=path.stat().st_size, data=_reading(path)
        )


def _joined(job: Job, place: bytes, facts: dict[str, Any]) -> CpioEntry:
    """Return the node at *place* of all files in a directory, one behind the other."""
    directory = _resolve(job, job.inputs[facts["from"]], facts["path"])
    files = sorted(it for it in directory.glob(facts["pattern"]) if it.is_file()) if directory.is_dir() else []
    if not files:
        where = f"{facts['path']}/{facts['pattern']}"
        raise InvalidInitramfs(job.derivation.name, os.fsdecode(place), f"there is no file {where}")

    def data() -> Iterator[bytes]:
        for file in files:
            yield from _reading(file)()

    size = sum(it.stat().st_size for it in files)
    return CpioEntry(path=place, mode=stat.S_IFREG | facts["mode"], size=size, data=data)


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
            below = place + b"/" if place else b""
            pending += [(child, below + os.fsencode(child.name)) for child in path.iterdir()]
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
    found = next(filter(None, (resolve(root, each, last=False) for each in spellings(path))), None)
    if found is None:
        raise InvalidInitramfs(job.derivation.name, path, f"is not in {root.name.partition('-')[2] or root.name}")
    return found


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
