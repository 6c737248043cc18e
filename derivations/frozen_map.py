"""An immutable mapping in key order: used by derivations instead of a dict."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import TypeVar


V = TypeVar("V")


class FrozenMap(Mapping[str, V]):
    """An immutable, hashable mapping whose iteration order is its key order."""

    __slots__ = ("_hash", "_items")

    def __init__(self, items: Mapping[str, V] | Iterable[tuple[str, V]] = ()) -> None:
        pairs = dict(items)
        self._items: dict[str, V] = {key: pairs[key] for key in sorted(pairs)}
        self._hash: int | None = None

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    # The dict's own methods, because every evaluation calls them and those of `Mapping` are slow.

    def keys(self) -> KeysView[str]:
        """Return a view of the keys, in order."""
        return self._items.keys()

    def values(self) -> ValuesView[V]:
        """Return a view of the values, in the order of their keys."""
        return self._items.values()

    def items(self) -> ItemsView[str, V]:
        """Return a view of keys and values, in the order of the keys."""
        return self._items.items()

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __eq__(self, other: object) -> bool:
        return self._items == other._items if isinstance(other, FrozenMap) else NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(tuple(self._items.items()))
        return self._hash

    def __reduce__(self) -> tuple[type[FrozenMap[V]], tuple[dict[str, V]]]:
        # Another process hashes the same keys differently, so the hash is not pickled.
        return FrozenMap, (self._items,)

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"
