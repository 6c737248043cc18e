"""Types of arguments where Python's own types allow too much; for type checkers only.

In Python a string is a sequence of strings, and True is a number. Both are mistakes where a definition needs a list or
a number, and are rejected when it runs; with these types an editor marks them as they are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar


if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import SupportsIndex


T_co = TypeVar("T_co", covariant=True)


class ListOf(Protocol[T_co]):
    """A list or a tuple, but not a string, whose `__contains__` does not accept any object."""

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
    """An `int`, but not a `bool`: a settable attribute is invariant in its type."""

    @property  # type: ignore[override]  # this distinguishes the two
    def __class__(self) -> type[int]:
        """Return `int`."""
        ...

    @__class__.setter
    def __class__(self, kind: type[int], /) -> None: ...  # pyright: ignore[reportIncompatibleMethodOverride]  # as above
