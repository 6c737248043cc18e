"""The references of an object as one value in its row: their ids, eight bytes each, little-endian.

The table `refs` has the same information, and is the one that SQLite enforces: an object that is referred to
cannot be deleted, whatever this value says. This form is for reading the references of all objects
(`store.gc.liveness`): one row per object instead of one per reference.
"""

from __future__ import annotations

import functools
import struct

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def pack(ids: Sequence[int]) -> bytes:
    """Return *ids* in the form of a row's value."""
    return struct.pack(f"<{len(ids)}q", *ids)


def unpack(needs: bytes) -> tuple[int, ...]:
    """Return the ids in *needs*."""
    return _unpacker(len(needs))(needs)


@functools.cache
def _unpacker(size: int) -> Callable[[bytes], tuple[int, ...]]:
    return struct.Struct(f"<{size // 8}q").unpack
