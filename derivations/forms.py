"""What users may write, where Python's own types allow too much; for type checkers alone.

To Python a text is a sequence of texts, and True is a number. Both are mistakes wherever a definition wants a list or a number, and
are refused when it runs; with these an editor marks them as they are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar


if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import SupportsIndex


T_co = TypeVar("T_co", covariant=True)


class ListOf(Protocol[T_co]):
    """A list or a tuple, and not a text: that has no `__contains__` which takes any object."""

    def __contains__(self, item: object, /) -> bool:
        """Return whether *item* is in it."""
        ...

    def __getitem__(self, index: SupportsIndex, /) -> T_co:
        """Return the item at *index*."""
        ...

    def __iter__(self) -> Iterator[T_co]:
        """Return an iterator over its items."""
        ...

    def __len__(self) -> int:
        """Return how many items it has."""
        ...


class Integer(Protocol):
    """An `int`, and not a `bool`: an attribute that can be set has exactly the type it says."""

    @property  # type: ignore[override]  # which is what tells the two apart
    def __class__(self) -> type[int]:
        """Return `int`."""
        ...

    @__class__.setter
    def __class__(self, kind: type[int], /) -> None: ...  # pyright: ignore[reportIncompatibleMethodOverride]  # as above
