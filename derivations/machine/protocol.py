"""What host and guest say to each other over the control channel; `programs/agent.c` is the other side.

    frame   = type (1 byte) size (32 bits, little-endian) size bytes
    request = item*;  item = letter text NUL

The types and letters are listed in the agent.
"""

from __future__ import annotations

import struct

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


HELLO, BEGUN, TAKEN, KEY, END, FAILED = b"H", b"B", b"A", b"K", b"X", b"E"
"""The types of frames from the guest."""

_HEAD = struct.Struct("<cI")
_END = struct.Struct("<IQQ")
_NUMBER = struct.Struct("<I")


@attrs.frozen(kw_only=True)
class Request:
    """The command of a guest, and what it runs in.

    Attributes:
        argv: The command and its arguments.
        env: Its variables.
        directory: Its working directory.
        host: The guest's host name.
        root: The type of the file system that the root is mounted by; None if it is the initramfs.
        shares: Tag -> path in the guest, for directories that the guest may change.
        terminal: Rows and columns of the terminal that it gets; None for three pipes.
        network: Whether to set up the network card.
    """

    argv: Sequence[bytes]
    env: Mapping[bytes, bytes]
    directory: bytes
    host: str
    root: str | None
    shares: Mapping[str, bytes]
    terminal: tuple[int, int] | None
    network: bool

    def __bytes__(self) -> bytes:
        """Return the frame that asks the guest to run it."""
        items = [b"a" + it for it in self.argv]
        items += [b"e" + name + b"=" + value for name, value in self.env.items()]
        items += [b"s" + tag.encode() + b" " + path for tag, path in self.shares.items()]
        items += [b"d" + self.directory, b"h" + self.host.encode()]
        if search := self.env.get(b"PATH"):
            items.append(b"x" + search)
        if self.root is not None:
            items.append(b"r" + self.root.encode())
        if self.terminal is not None:
            items.append(b"p%d %d" % self.terminal)
        if self.network:
            items.append(b"n")
        return frame(b"R", b"".join(it + b"\0" for it in items))


@attrs.frozen
class Ended:
    """The end of a command: its exit code, and how many bytes it wrote to stdout and stderr."""

    code: int
    out: int
    err: int

    @classmethod
    def parse(cls, data: bytes) -> Ended:
        """Return what the frame END says."""
        return cls(*_END.unpack(data))


def frame(kind: bytes, data: bytes = b"") -> bytes:
    """Return a frame."""
    return _HEAD.pack(kind, len(data)) + data


def input_frame(data: bytes) -> bytes:
    """Return the frame with *data* for the command's standard input; no bytes are its end."""
    return frame(b"I", data)


def signal_frame(number: int) -> bytes:
    """Return the frame that sends the signal *number* to the command's process group."""
    return frame(b"S", bytes([number]))


def size_frame(rows: int, columns: int) -> bytes:
    """Return the frame that changes the size of the command's terminal."""
    return frame(b"W", struct.pack("<HH", rows, columns))


def number_of(data: bytes) -> int:
    """Return the number at the start of *data*."""
    return int(_NUMBER.unpack_from(data)[0])


@attrs.define
class Frames:
    """The frames in a stream of bytes."""

    _held: bytearray = attrs.field(factory=bytearray, init=False)

    def add(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield type and content of each frame that *data* completes."""
        self._held += data
        while len(self._held) >= _HEAD.size:
            kind, size = _HEAD.unpack_from(self._held)
            if len(self._held) < _HEAD.size + size:
                return
            content = bytes(self._held[_HEAD.size : _HEAD.size + size])
            del self._held[: _HEAD.size + size]
            yield kind, content
