"""Files as bytes: where two of them first differ."""

from __future__ import annotations

import mmap

from typing import TypeAlias


Buffer: TypeAlias = bytes | mmap.mmap

_PIECE = 1 << 16  # bytes compared at once: beyond that, larger pieces save nothing


def first_difference(left: Buffer, right: Buffer, here: int = 0, there: int = 0, size: int | None = None) -> int | None:
    """Return the offset of the first byte that differs between *size* bytes of *left* from *here*, and *right* from *there*.

    Without *size*, both are compared to their ends; where one ends earlier, that is a difference. None if all are equal.
    """
    longest = max(len(left) - here, len(right) - there) if size is None else size
    for start in range(0, longest, _PIECE):
        length = min(_PIECE, longest - start)
        one = left[here + start : here + start + length]
        other = right[there + start : there + start + length]
        if one != other:
            differing = (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
            return start + next(differing, min(len(one), len(other)))
    return None
