"""builtin:deb: a Debian package, the same bytes wherever it is made (deb(5)).

Mounts `/kernel`, `/modules`: the outputs of a kernel. Environment: `control`, the fields, and `scripts`, the maintainer
scripts, both JSON; `release`.

The archive is made here rather than by dpkg-deb, so it needs no toolchain, and nothing depends on a directory's modes
or a umask. zstd at level 3 takes a hundredth of the time of xz, which dpkg-deb uses; dpkg reads it since 1.21.18.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import sys
import tarfile
import tempfile

from typing import IO, TYPE_CHECKING

from derivations.image.deb import KERNEL, MODULES
from derivations.image.kernel import IMAGES
from derivations.realise.job import Cancelled
from store.errors import Error
from store.trees.writer import TreeWriter


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from derivations.realise.job import Job
    from store.trees.content import Content


_CHUNK = 1 << 20  # bytes; any number of some hundred kilobytes would do
_LEVEL = 3
_BEFORE = ("Depends", "Description")
_COPYRIGHT = "This is Linux, by Linus Torvalds and others; see https://kernel.org.\nLicense: GPL-2.0-only\n"


class NoKernelInside(Error):
    """A package cannot be made, because an output has no image of a kernel."""

    name: str

    def __str__(self) -> str:
        return f"cannot make {self.name}: its kernel has no image"


def deb(job: Job) -> Content:
    """Make the package of *job*.

    Raises:
        NoKernelInside: the kernel has no image.
    """
    env = job.derivation.env
    files = dict(_files(job, env["release"], json.loads(env["control"])["Package"]))
    with tempfile.TemporaryFile(dir=job.out) as data:
        sums, size = _pack_data(job, files, data)
        control = _control(env, sums, size)
        length = data.tell()
        data.seek(0)
        with TreeWriter(job.store.pool, job.out / "out") as writer:
            writer.file("", _archive(control, data, length))
            return writer.finish()


def _files(job: Job, release: str, package: str) -> Iterator[tuple[str, Path | bytes]]:
    """Yield the files of the package, path to source."""
    kernel, modules = job.inputs[KERNEL], job.inputs[MODULES]
    image = next((kernel / it for it in IMAGES if (kernel / it).is_file()), None)
    if image is None:
        raise NoKernelInside(job.derivation.name)
    yield f"boot/vmlinuz-{release}", image
    for name in ("config", "System.map"):
        if (kernel / name).is_file():
            yield f"boot/{name}-{release}", kernel / name
    yield f"usr/share/doc/{package}/copyright", _COPYRIGHT.encode()
    for source, place in (
        (modules / "lib/modules" / release, f"lib/modules/{release}"),
        (kernel / "dtbs", f"usr/lib/{package}"),
    ):
        for path in source.rglob("*"):
            if not path.is_dir() or path.is_symlink():
                yield f"{place}/{path.relative_to(source)}", path


def _pack_data(job: Job, files: dict[str, Path | bytes], target: IO[bytes]) -> tuple[str, int]:
    """Write the archive of *files* to *target*, and return their MD5 sums, as `md5sums` has them, and their size in KiB."""
    directories = {parent for place in files for parent in _parents(place)}
    sums, size = [], 0
    with (
        zstd.ZstdFile(target, "wb", level=_LEVEL) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        _add_directory(tar, "")
        for place in sorted(directories | files.keys()):
            if job.cancelled():
                raise Cancelled(job.derivation.name)
            if place in directories:
                _add_directory(tar, place)
                continue
            source = files[place]
            if not isinstance(source, bytes) and source.is_symlink():
                link = _member(place, tarfile.SYMTYPE, 0o777)
                link.linkname = os.fspath(source.readlink())
                tar.addfile(link)
                continue
            length, digest = _add_file(tar, place, source)
            sums.append(f"{digest}  {place}\n")
            size += -(-length // 1024)
    return "".join(sums), size + len(directories)


def _add_file(tar: tarfile.TarFile, place: str, source: Path | bytes) -> tuple[int, str]:
    file: IO[bytes] = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    with file:
        digest = hashlib.md5(usedforsecurity=False)  # dpkg's own, against accidents
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        length = file.tell()
        file.seek(0)
        executable = not isinstance(source, bytes) and bool(source.stat().st_mode & stat.S_IXUSR)
        member = _member(place, tarfile.REGTYPE, 0o755 if executable else 0o644)
        member.size = length
        tar.addfile(member, file)
    return length, digest.hexdigest()


def _add_directory(tar: tarfile.TarFile, place: str) -> None:
    tar.addfile(_member(place, tarfile.DIRTYPE, 0o755))


def _member(place: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(f"./{place}")
    member.type, member.mode, member.mtime = kind, mode, 1
    member.uname = member.gname = "root"
    return member


def _parents(place: str) -> Iterator[str]:
    while "/" in place:
        place = place.rpartition("/")[0]
        yield place


def _control(env: Mapping[str, str], sums: str, size: int) -> bytes:
    """Return the packed control archive."""
    fields = json.loads(env["control"])
    fields["Installed-Size"] = str(size)
    order = [
        "Package",
        "Version",
        "Architecture",
        *sorted(fields.keys() - {"Package", "Version", "Architecture", *_BEFORE}),
        *_BEFORE,
    ]
    texts = {
        "control": "".join(f"{name}: {fields[name]}\n" for name in order),
        "md5sums": sums,
        **json.loads(env["scripts"]),
    }
    packed = io.BytesIO()
    with (
        zstd.ZstdFile(packed, "wb", level=_LEVEL) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        _add_directory(tar, "")
        for name, text in sorted(texts.items()):
            data = text.encode()
            member = _member(name, tarfile.REGTYPE, 0o644 if name in {"control", "md5sums"} else 0o755)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def _archive(control: bytes, data: IO[bytes], length: int) -> Iterator[bytes]:
    """Yield the archive of *control* and *data*, which has *length* bytes."""
    yield b"!<arch>\n"
    yield from _ar_member("debian-binary", iter([b"2.0\n"]), 4)
    yield from _ar_member("control.tar.zst", iter([control]), len(control))
    yield from _ar_member("data.tar.zst", iter(lambda: data.read(_CHUNK), b""), length)


def _ar_member(name: str, chunks: Iterator[bytes], length: int) -> Iterator[bytes]:
    yield f"{name:<16}{1:<12}{0:<6}{0:<6}{'100644':<8}{length:<10}`\n".encode()
    yield from chunks
    if length % 2:
        yield b"\n"
