"""The difference between two builds, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernix.output.quantities import number
from kernix.output.table import rows
from kernix.rebuild.parts import Kind


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kernix.rebuild.earlier import Build
    from kernix.rebuild.parts import Change, Comparison, Part


SHOWN = 20
"""How many changes of a part are listed: what fits on a screen; `--all` lists the others."""

_LENGTH = 48  # columns: a value that is longer is cut, so that two of them fit on a line

_NOUNS = {
    Kind.OPTIONS: ("option",),
    Kind.REQUESTS: ("requested option",),
    Kind.FILES: ("file",),
    Kind.PATCHES: ("patch or source", "patches or sources"),
    Kind.PACKAGES: ("package",),
    Kind.FLAGS: ("flag",),
    Kind.SCRIPT: ("place", "places"),
    Kind.ENVIRONMENT: ("variable",),
    Kind.ATTRIBUTES: ("attribute",),
    Kind.INPUT: ("input",),
}


def lines(old: Build, new: Build, found: Comparison, *, every: bool) -> Iterator[str]:
    """Yield what differs from *old* to *new*; with *every*, without leaving anything out."""
    yield f"old: {_about(old)}"
    yield f"new: {_about(new)}"
    if old.derivation == new.derivation:
        yield "both are the same derivation: nothing differs"
        return
    if found.verdict == "same":
        fate = "the result was reused" if new.path is not None else "the result will be reused, and nothing is built"
        yield f"nothing that counts differs: {fate}"
        if found.ignored:
            yield "these differ, and their results are the same:"
            yield from (f"  {line}" for line in rows([(it.name, ", ".join(it.what)) for it in found.ignored]))
        return
    if found.verdict == "unknown":
        yield "whether anything that counts differs is not known yet: only definitions could be compared"
    for part in found.parts:
        yield from _part(part, "", every=every)
    if found.same:
        yield f"the same: {', '.join(found.same)}"


def _about(build: Build) -> str:
    return f"{build.name} ({'not built' if build.path is None else f'built {build.day}'})"


def _part(part: Part, indent: str, *, every: bool) -> Iterator[str]:
    """Yield the *part*: a line about it, and its changes."""
    count = len(part.changes)
    what = f"{number(count, *_NOUNS[part.kind])} {'differs' if count == 1 else 'differ'}" if count else "differs"
    if part.unknown:
        what = f"{what if count else 'perhaps differs'}; {part.unknown}, so its content is not known"
    yield f"{indent}{part.title}: {what}"
    changes = part.changes if every else part.changes[:SHOWN]
    yield from (f"{indent}  {line}" for line in _table(part.kind, changes))
    if len(changes) < count:
        yield f"{indent}  … and {count - len(changes):,} more; `--all` lists them"
    for inner in part.parts:
        yield from _part(inner, f"{indent}  ", every=every)


def _table(kind: Kind, changes: Sequence[Change]) -> list[str]:
    if kind is Kind.FILES:
        return rows([(_verb(it), it.what, ", ".join(it.because)) for it in changes])
    if kind is Kind.SCRIPT:
        return [line for it in changes for line in _replaced(it)]
    return rows([(it.what, f"{_value(it.old)} -> {_value(it.new)}", ", ".join(it.because)) for it in changes])


def _verb(change: Change) -> str:
    return "added" if change.old is None else "removed" if change.new is None else "changed"


def _replaced(change: Change) -> Iterator[str]:
    yield change.what
    for mark, text in (("-", change.old), ("+", change.new)):
        yield from (f"  {mark} {_cut(line)}" for line in (text or "").splitlines() if line)


def _value(text: str | None) -> str:
    if text is None:
        return "absent"
    return _cut(text) or '""'


def _cut(text: str) -> str:
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 1]}…"
