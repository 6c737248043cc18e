"""The listing of an archive: which node of a tree is where in which frame. JSON, compressed with zstd.

    {"format": "kernix-cache listing 1", "base": null | "<store path>",
     "frames": [[<bytes in the archive>, <bytes unpacked>, null | "<path of the prefix in the base>"], …],
     "nodes": [["f" | "x", "<path>", "<digest>", <size>, <frame>, <offset in the unpacked frame>],
               ["l", "<path>", "<target>"], ["d", "<path>"], …],
     "removed": ["<path>", …]}

Frames follow one another in the archive. An empty file has the frame -1. Of directories, only empty ones are listed. Of
a delta, the nodes are what the base lacks or has otherwise; what it has and the object lacks is removed. The path of
a root that is no directory is empty. In paths and targets, `%` and bytes that are not UTF-8 are written `%XX`.

Whatever it says, the tree is checked against the digest in the info; a listing can waste work, but not change a result.
"""

from __future__ import annotations

import json
import re

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import attrs

from store.caches.documents import digest_of, list_of, number_of, text_of
from store.caches.zstd import compress, decompress
from store.parsing import parse_json
from store.path import InvalidStorePath, StorePath
from store.trees.content import Kind


if TYPE_CHECKING:
    from collections.abc import Iterator


FORMAT = "kernix-cache listing 1"
MAX_UNPACKED = 1 << 30
"""Bytes of a listing: that of a kernel's source, with 79,000 files, has 12 MB."""

EMPTY = -1
"""The frame of an empty file."""

_MEMBERS = {"format", "base", "frames", "nodes", "removed"}
_FILES = {"f": Kind.FILE, "x": Kind.EXECUTABLE}
_LETTERS = {kind: letter for letter, kind in _FILES.items()}
_FILE, _LINK, _DIRECTORY = 6, 3, 2  # how many facts each has
_NOT_TEXT = re.compile("[\ud800-\udfff]")


@attrs.frozen
class Frame:
    """A frame: its *packed* and unpacked *size* in bytes, and the path in the base whose content is its *prefix*."""

    packed: int
    size: int
    prefix: bytes | None = None


@attrs.frozen
class File:
    """A file: where its content begins in which frame."""

    path: bytes
    kind: Kind
    digest: bytes
    size: int
    frame: int
    offset: int


@attrs.frozen
class Link:
    """A symbolic link."""

    path: bytes
    target: bytes


@attrs.frozen
class Directory:
    """An empty directory."""

    path: bytes


@attrs.frozen(kw_only=True)
class Listing:
    """What is in an archive or a delta."""

    frames: tuple[Frame, ...]
    files: tuple[File, ...]
    links: tuple[Link, ...] = ()
    directories: tuple[Directory, ...] = ()
    base: StorePath | None = None
    removed: tuple[bytes, ...] = ()

    def starts(self) -> Iterator[int]:
        """Yield where each frame begins in the archive, and where the last ends."""
        place = 0
        yield place
        for frame in self.frames:
            place += frame.packed
            yield place

    def encode(self) -> bytes:
        """Return the listing as it is in the cache."""
        document = {
            "format": FORMAT,
            "base": None if self.base is None else str(self.base),
            "frames": [[it.packed, it.size, None if it.prefix is None else _text(it.prefix)] for it in self.frames],
            "nodes": [
                *(
                    [_LETTERS[it.kind], _text(it.path), it.digest.hex(), it.size, it.frame, it.offset]
                    for it in self.files
                ),
                *(["l", _text(it.path), _text(it.target)] for it in self.links),
                *(["d", _text(it.path)] for it in self.directories),
            ],
            "removed": [_text(it) for it in self.removed],
        }
        return compress(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())

    @classmethod
    def decode(cls, data: bytes) -> Listing:
        """Return the listing that `encode` made *data* of.

        Raises:
            ValueError: it did not, or the listing contradicts itself.
        """
        document = parse_json(decompress(data, MAX_UNPACKED))
        if not isinstance(document, dict) or document.keys() != _MEMBERS or document["format"] != FORMAT:
            msg = f"it is not a {FORMAT}"
            raise ValueError(msg)
        try:
            base = None if document["base"] is None else StorePath.parse(text_of(document["base"]))
        except InvalidStorePath as error:
            raise ValueError(str(error)) from None
        frames = tuple(_frame(it) for it in list_of(document["frames"]))
        nodes = [_node(it, frames) for it in list_of(document["nodes"])]
        return cls(
            frames=frames,
            files=tuple(it for it in nodes if isinstance(it, File)),
            links=tuple(it for it in nodes if isinstance(it, Link)),
            directories=tuple(it for it in nodes if isinstance(it, Directory)),
            base=base,
            removed=tuple(_bytes(it) for it in list_of(document["removed"])),
        )


def _text(path: bytes) -> str:
    text = path.replace(b"%", b"%25").decode("utf-8", "surrogateescape")
    return _NOT_TEXT.sub(lambda found: f"%{ord(found[0]) & 0xFF:02X}", text)


def _bytes(value: object) -> bytes:
    return unquote_to_bytes(text_of(value))


def _frame(value: object) -> Frame:
    packed, size, prefix = _several(value, 3)
    return Frame(number_of(packed), number_of(size), None if prefix is None else _bytes(prefix))


def _node(value: object, frames: tuple[Frame, ...]) -> File | Link | Directory:
    facts = list_of(value)
    letter = facts[0] if facts else None
    if letter == "d":
        return Directory(_bytes(_several(facts, _DIRECTORY)[1]))
    if letter == "l":
        _, path, target = _several(facts, _LINK)
        return Link(_bytes(path), _bytes(target))
    if not isinstance(letter, str) or letter not in _FILES:
        msg = f"{str(letter)[:20]!r} is not a kind of node"
        raise ValueError(msg)
    _, path, digest, size, frame, offset = _several(facts, _FILE)
    found = File(_bytes(path), _FILES[letter], digest_of(digest), number_of(size), frame, number_of(offset))
    if frame == EMPTY and found.size == 0:
        return found
    if isinstance(frame, bool) or not isinstance(frame, int) or not 0 <= frame < len(frames):
        msg = f"a file is in frame {str(frame)[:20]}, and there are {len(frames)}"
        raise ValueError(msg)
    if found.offset + found.size > frames[frame].size:
        msg = f"a file ends after frame {frame} does"
        raise ValueError(msg)
    return found


def _several(value: object, count: int) -> list[Any]:
    found = list_of(value)
    if len(found) != count:
        msg = f"expected {count} facts, got {len(found)}"
        raise ValueError(msg)
    return found
