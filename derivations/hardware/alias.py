"""Patterns of module aliases, and matching them with a device's modalias.

Patterns are those of `modules.alias`, as of fnmatch(3): `*` matches any text, `?` any character, `[0-9]` one of these, `[!0-9]`
another one. In a modalias,
`?` stands for a character that the listing does not show; a pattern that requires a specific
character there is a possible match, not a certain one.

A pattern is looked up by its key: the text before its first wildcard, or the identifier in the
patterns for ACPI and device trees, which begin with a wildcard.
"""

from __future__ import annotations

import bisect
import fnmatch
import functools
import re

from typing import TYPE_CHECKING, Generic, TypeVar

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


V = TypeVar("V")

_WILDCARD = re.compile(r"[*?[]")
_PARTS = re.compile(r"\[!?\]?[^\]]*\]|.", re.DOTALL)
_ACPI = re.compile(r"acpi\*:([^*?:\[]+):\*")
_OF = re.compile(r"of:N\*T\*C([^*?\[]+?)(?:C\*)?")
_UNKNOWN = "?"


@attrs.frozen
class Match(Generic[V]):
    """A pattern that a modalias matches; not *certain* if it requires unknown characters."""

    pattern: str
    value: V
    certain: bool


class AliasTable(Generic[V]):
    """Patterns, each with a value."""

    def __init__(self, entries: Iterable[tuple[str, V]]) -> None:
        self._table: dict[str, list[tuple[str, V]]] = {}
        for pattern, value in entries:
            self._table.setdefault(_key(pattern), []).append((pattern, value))

    def match(self, modalias: str) -> list[Match[V]]:
        """Return the patterns that *modalias* matches, the most specific first."""
        found = [
            Match(pattern, value, certain=_exactly(pattern).fullmatch(modalias) is not None)
            for key in self._keys(modalias)
            for pattern, value in self._table.get(key, ())
            if _possibly(pattern).fullmatch(modalias)
        ]
        return sorted(found, key=lambda it: (not it.certain, -_exactness(it.pattern)))

    @functools.cached_property
    def _sorted(self) -> list[str]:
        return sorted(self._table)

    def _keys(self, modalias: str) -> Iterator[str]:
        """Yield the keys that patterns matching *modalias* can have, each once."""
        known = modalias.partition(_UNKNOWN)[0]
        yield from (modalias[:size] for size in range(len(known) + 1))
        if len(known) < len(modalias):
            start = bisect.bisect_right(self._sorted, known)
            for key in self._sorted[start:]:
                if not key.startswith(known):
                    break
                yield key
        kind, _, rest = modalias.partition(":")
        if kind == "acpi":
            yield from dict.fromkeys(f"acpi={name}" for name in rest.split(":") if name)
        elif kind == "of":
            yield from dict.fromkeys(f"of={name}" for name in rest.split("C")[1:])
            # A compatible string may itself contain a C.
            yield f"of={rest.partition('C')[2]}"


def _key(pattern: str) -> str:
    if match := _ACPI.fullmatch(pattern):
        return f"acpi={match[1]}"
    if match := _OF.fullmatch(pattern):
        return f"of={match[1]}"
    found = _WILDCARD.search(pattern)
    return pattern if found is None else pattern[: found.start()]


def _exactness(pattern: str) -> int:
    return sum(part not in {"*", "?"} for part in _PARTS.findall(pattern))


@functools.lru_cache(maxsize=65536)  # more than the patterns of a tree that are compared in one run
def _exactly(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_expression(it, "") for it in _PARTS.findall(pattern)), re.DOTALL)


@functools.lru_cache(maxsize=65536)  # as above
def _possibly(pattern: str) -> re.Pattern[str]:
    """Return an expression for *pattern* that also matches unknown characters."""
    return re.compile("".join(_expression(it, _UNKNOWN) for it in _PARTS.findall(pattern)), re.DOTALL)


def _expression(part: str, unknown: str) -> str:
    """Return the expression for *part* of a pattern; *unknown* may stand for any character but a separator."""
    if len(part) > 1:  # in brackets; fnmatch knows which characters are special there
        inside = fnmatch.translate(part).removeprefix("(?s:").rpartition(")")[0]
        return f"(?:{inside}|{re.escape(unknown)})" if unknown else inside
    return _WILDCARDS.get(part) or (f"[{part}{unknown}]" if part.isalnum() else re.escape(part))


_WILDCARDS = {"*": ".*", "?": "."}
