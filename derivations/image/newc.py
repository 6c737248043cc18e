"""The cpio format that the kernel unpacks as its first root file system, `newc`.

    archive = entry* trailer, zero-padded to 512 bytes
    entry   = "070701" number{13} name NUL, zero-padded to 4; data, zero-padded to 4
    number  = ino mode uid gid nlink mtime size major minor rdev-major rdev-minor name-length 0

Each number is eight hexadecimal digits, so a file has less than 4 GiB. A directory precedes
its contents. The kernel's reader is `init/initramfs.c`; the format is described in
`Documentation/driver-api/early-userspace/buffer-format.rst`.

The same nodes always give the same bytes: sorted by path, numbered from 1, owned by root, dated
1970, with one inode per file.
"""

from __future__ import annotations

import stat

from typing import TYPE_CHECKING

import attrs

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


BLOCK = 512

_ALIGNMENT = 4
_MAX_SIZE = 0xFFFFFFFF  # bytes: eight hexadecimal digits
_TRAILER = b"TRAILER!!!"


class MemberTooLarge(Error):
    """A file of *size* bytes is too large for the format."""

    path: str
    size: int

    def __str__(self) -> str:
        return f"{self.path} is too large for an initramfs: {self.size} bytes, at most {_MAX_SIZE} are possible"


@attrs.frozen(kw_only=True)
class CpioEntry:
    """One entry of the archive.

    Attributes:
        path: Its path, without a leading slash.
        mode: Kind and permissions, as in `stat`.
        size: The number of bytes that *data* returns.
        data: Returns the file's bytes, or the symbolic link's target.
        device: Major and minor number of a device node.
    """

    path: bytes
    mode: int
    size: int = 0
    data: Callable[[], Iterable[bytes]] = tuple
    device: tuple[int, int] = (0, 0)


def archive(nodes: Iterable[CpioEntry]) -> Iterator[bytes]:
    """Yield the bytes of the archive of *nodes*; missing directories are added.

    Raises:
        MemberTooLarge: a file has 4 GiB or more.
    """
    written = 0
    for number, node in enumerate(_complete(nodes), start=1):
        for piece in _entry(node, number):
            written += len(piece)
            yield piece
    trailer = _header(CpioEntry(path=_TRAILER, mode=0), 0)
    yield trailer + bytes(-(written + len(trailer)) % BLOCK)


def _complete(nodes: Iterable[CpioEntry]) -> list[CpioEntry]:
    """Return *nodes* and the directories above them, each path once, sorted."""
    by_path = {node.path: node for node in nodes}
    for path in list(by_path):
        parent = path.rpartition(b"/")[0]
        while parent and parent not in by_path:
            by_path[parent] = CpioEntry(path=parent, mode=stat.S_IFDIR | 0o755)
            parent = parent.rpartition(b"/")[0]
    return [by_path[path] for path in sorted(by_path, key=lambda path: path.split(b"/"))]


def _entry(node: CpioEntry, number: int) -> Iterator[bytes]:
    if node.size > _MAX_SIZE:
        raise MemberTooLarge(node.path.decode(errors="backslashreplace"), node.size)
    yield _header(node, number)
    yield from node.data()
    yield bytes(-node.size % _ALIGNMENT)


def _header(node: CpioEntry, number: int) -> bytes:
    links = 2 if stat.S_ISDIR(node.mode) else 1
    fields = (number, node.mode, 0, 0, links, 0, node.size, 0, 0, *node.device, len(node.path) + 1, 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + node.path + b"\0"
    return header + bytes(-len(header) % _ALIGNMENT)
