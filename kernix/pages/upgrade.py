"""The page about what another version of Linux changes in a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.language.values import Unset, written
from kernix.output.differences import about
from kernix.pages.difference import by_cause, row_of
from kernix.pages.listing import Row, Section, View, page


if TYPE_CHECKING:
    from derivations.kconfig.comparison.upgrade import Upgrade, UpgradeStep


def upgrade_page(found: Upgrade) -> str:
    """Return the page about *found*."""
    difference = found.difference
    facts = [
        ("from", about(difference.old)),
        ("to", about(difference.new)),
        ("requests", f"{found.requests:,}, {len(found.steps):,} of them need an edit"),
        ("new options", f"{len(found.added):,}"),
    ]
    sections = (
        Section(title="to edit", rows=tuple(_step(it) for it in found.steps)),
        Section(title="changed by themselves", rows=tuple(row_of(it) for it in found.defaults)),
        Section(title="removed", rows=tuple(row_of(it) for it in found.removed)),
        Section(
            title="redefined",
            rows=tuple(Row(name=it.option, title=it.what, note=f"{it.old} → {it.new}") for it in found.redefined),
        ),
        Section(title="new", rows=tuple(row_of(it) for it in found.added)),
    )
    views = [
        View(name="what to do", sections=tuple(it for it in sections if it.rows)),
        View(name="all changes", sections=by_cause(difference)),
    ]
    return page(f"{difference.old.name}: {difference.old.version} → {difference.new.version}", facts, views)


def _step(step: UpgradeStep) -> Row:
    value = step.request.value
    return Row(
        name=step.option,
        old="" if isinstance(value, Unset) else written(value),
        title=step.fate.value,
        note=step.text,
        place=step.request.origin.place,
        inner=tuple(Row(name=line, title="remove" if sign == "-" else "add") for sign, line in step.edit()),
    )
