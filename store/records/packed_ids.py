"""The references of an object as a value in its own row: their ids, eight bytes each, little-endian.

The table `refs` says the same, and is what SQLite checks: an object that is referred to cannot be
deleted, whatever is written here. This is for those who read the references of all objects
(`store.gc.liveness`): one row for an object instead of one for each reference.
"""

from __future__ import annotations

import functools
import struct

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def pack(ids: Sequence[int]) -> bytes:
    """Return *ids* as a row has them."""
    return struct.pack(f"<{len(ids)}q", *ids)


def unpack(needs: bytes) -> tuple[int, ...]:
    """Return the ids in *needs*."""
    return _unpacker(len(needs))(needs)


@functools.cache
def _unpacker(size: int) -> Callable[[bytes], tuple[int, ...]]:
    return struct.Struct(f"<{size // 8}q").unpack
