"""The page about two configurations: every change below its cause, or in its menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.comparison.cause import TITLES
from kernix.output.differences import about
from kernix.pages.listing import Row, Section, View, page


if TYPE_CHECKING:
    from derivations.kconfig.comparison.difference import Difference, OptionChange


_NOWHERE = "in no menu"


def difference_page(found: Difference) -> str:
    """Return the page about *found*."""
    facts = [("from", about(found.old)), ("to", about(found.new)), ("options that differ", f"{len(found.changes):,}")]
    views = [View(name="by cause", sections=by_cause(found)), View(name="by menu", sections=_by_menu(found))]
    return page(f"{found.old.name} → {found.new.name}", facts, views)


def by_cause(found: Difference) -> tuple[Section, ...]:
    """Return every change in *found* below its cause."""
    followers = found.followers()

    def row(change: OptionChange) -> Row:
        return row_of(change, tuple(row(it) for it in followers.get(change.option, ())))

    # Options without a prompt come last: they are of less interest, and there are more of them.
    ordered = sorted(followers[""], key=lambda it: not it.prompt)
    roots = {kind: tuple(row(it) for it in ordered if it.cause.kind is kind) for kind in TITLES}
    return tuple(Section(title=TITLES[kind], rows=rows) for kind, rows in roots.items() if rows)


def _by_menu(found: Difference) -> tuple[Section, ...]:
    menus: dict[tuple[str, ...], list[Row]] = {}
    for change in found.changes.values():
        menus.setdefault(change.menus, []).append(row_of(change))
    return tuple(
        Section(title=" > ".join(menu) or _NOWHERE, rows=tuple(menus[menu]))
        for menu in sorted(menus, key=lambda it: (not it, it))
    )


def row_of(change: OptionChange, inner: tuple[Row, ...] = ()) -> Row:
    """Return *change* as a row, with the rows *inner* that follow from it."""
    return Row(
        name=change.option,
        old=change.old,
        new=change.new,
        title=change.prompt,
        note=change.cause.text,
        place=change.cause.place,
        inner=inner,
    )
