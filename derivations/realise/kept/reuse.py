"""What a kernel's build took from kept trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen(kw_only=True)
class Reuse:
    """What a kernel's build compiled, and what it took from kept trees.

    Attributes:
        compiled: How many objects it compiled.
        total: How many objects the kernel has; 0 if that is not known.
        tree: The name of the tree that it started from; None for a clean build.
        age: How many seconds before that tree was made.
        borrowed: How many objects came from which other trees.
        refused: Why a tree that was there did not serve; None if none was there, or one served.
        kept: Whether its own tree is kept now.
        lost: Why its own tree could not be kept; None if it is, or was not to be.
        cached: How many of the compiled objects came from the compile cache; None if there was none.
    """

    compiled: int
    total: int
    tree: str | None = None
    age: float | None = None
    borrowed: Mapping[str, int] = attrs.field(factory=dict)
    refused: str | None = None
    kept: bool = False
    lost: str | None = None
    cached: int | None = None
