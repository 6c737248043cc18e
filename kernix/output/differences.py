"""The differences between two configurations as text: each change below its cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.comparison.cause import TITLES
from kernix.output.quantities import number
from kernix.output.table import rows


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.kconfig.comparison.difference import Difference, OptionChange
    from derivations.kconfig.comparison.side import Side


_LENGTH = 24  # columns: both values of an option and its name fit on a line


def lines(found: Difference) -> Iterator[str]:
    """Yield *found* as human-readable lines."""
    yield f"{about(found.old)} -> {about(found.new)}"
    if not found.changes:
        yield "no options differ"
        return
    yield f"{number(len(found.changes), 'option differs', 'options differ')}"
    followers = found.followers()
    for kind, title in TITLES.items():
        roots = [it for it in followers[""] if it.cause.kind is kind]
        if not roots:
            continue
        table = [row for it in roots for row in _tree(it, followers, "  ")]
        followed = f", and {len(table) - len(roots)} that followed" if len(table) > len(roots) else ""
        yield ""
        yield f"{title}: {len(roots)}{followed}"
        yield from rows(table)


def about(side: Side) -> str:
    """Describe *side* in a few words."""
    known = [f"Linux {side.version}" if side.version else "", side.arch, side.base_name]
    return f"{side.name} ({', '.join(filter(None, known))})" if any(known) else side.name


def values(change: OptionChange) -> str:
    """Return both values of *change*, short enough for a table."""
    return f"{_short(change.old)} -> {_short(change.new)}"


def why(change: OptionChange) -> str:
    """Return the cause of *change*, and where it is written."""
    return f"{change.cause.text} ({change.cause.place})" if change.cause.place else change.cause.text


def _tree(
    change: OptionChange, followers: dict[str, list[OptionChange]], indent: str
) -> Iterator[tuple[str, str, str]]:
    yield indent + change.option, values(change), why(change)
    for it in followers.get(change.option, ()):
        yield from _tree(it, followers, f"{indent}  ")


def _short(text: str) -> str:
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 1]}…"
