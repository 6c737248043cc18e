"""The aliases of a `modules.alias`, found without compiling all of them.

    alias pci:v00001AF4d00001041sv*sd*bc*sc*i* virtio_pci

`*`, `?` and `[…]` are wildcards as in fnmatch(3), and `-` and `_` are the same outside of brackets. Aliases are kept by
the text before their first wildcard. A kernel has tens of thousands of them, and a lookup compares only a few.

In a device's alias, `?` stands for a character that a listing does not show: it matches any.
"""

from __future__ import annotations

import bisect
import functools
import re

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator


_LINE = re.compile(r"^alias ([^*?\[\s]*)(.*) (\S+)$", re.MULTILINE | re.ASCII)
_PARTS = re.compile(r"\[[^\]]*\]|[*?]|[^*?\[]+|\[")
_UNKNOWN = "?"


class AliasIndex:
    """Patterns of aliases, each with a module's name."""

    def __init__(self, text: str) -> None:
        self._table: dict[str, list[tuple[str, str]]] = {}
        for start, rest, module in _LINE.findall(text):
            self._table.setdefault(start.replace("-", "_"), []).append((rest, module.replace("-", "_")))

    def match(self, alias: str) -> list[str]:
        """Return the modules that have *alias*, each once, in the order of the shortest fixed text first."""
        wanted = alias.replace("-", "_")
        found: dict[str, None] = {}
        for start in self._starts(wanted):
            for rest, module in self._table.get(start, ()):
                if module not in found and _fits(rest, start, wanted):
                    found[module] = None
        return list(found)

    def names(self, start: str) -> list[str]:
        """Return what follows *start* in the aliases that begin with it and have no wildcard."""
        start = start.replace("-", "_")
        return [it.removeprefix(start) for it in self._below(start) if ("" in {rest for rest, _ in self._table[it]})]

    @functools.cached_property
    def _sorted(self) -> list[str]:
        return sorted(self._table)

    def _below(self, start: str) -> Iterator[str]:
        for key in self._sorted[bisect.bisect_left(self._sorted, start) :]:
            if not key.startswith(start):
                return
            yield key

    def _starts(self, wanted: str) -> Iterator[str]:
        """Yield the fixed texts that aliases matching *wanted* can begin with, each once."""
        known = wanted.partition(_UNKNOWN)[0]
        yield from (wanted[:size] for size in range(len(known) + 1))
        if len(known) < len(wanted):
            yield from (it for it in self._below(known) if it != known)


def _fits(rest: str, start: str, wanted: str) -> bool:
    """Return whether the pattern *start* and *rest* matches *wanted*."""
    if not rest:
        return start == wanted or (_UNKNOWN in wanted and _compiled(start).fullmatch(wanted) is not None)
    if _UNKNOWN in wanted:
        return _compiled(start + rest).fullmatch(wanted) is not None
    return _fixed(rest) in wanted and _compiled(rest).fullmatch(wanted, len(start)) is not None


@functools.lru_cache(maxsize=65536)  # more than the patterns of a tree that are compared in one run
def _fixed(pattern: str) -> str:
    """Return the longest text without a wildcard in *pattern*: most of those that do not match lack it."""
    return max((it for it in _PARTS.findall(pattern) if it[0] not in "*?["), key=len, default="").replace("-", "_")


@functools.lru_cache(maxsize=65536)  # as above
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(map(_expression, _PARTS.findall(pattern))), re.DOTALL)


def _expression(part: str) -> str:
    if part in "*?":
        return ".*" if part == "*" else "."
    if part[0] == "[" and len(part) > 2:  # noqa: PLR2004 -- the brackets, and something between
        inside = part[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        return f"[^{inside[1:]}]" if inside[0] == "!" else f"[{inside}{_UNKNOWN}]"
    return "".join(f"[{it}?]" if it.isalnum() else re.escape(it) for it in part.replace("-", "_"))
