"""Check whether the requested outputs already exist, using only the database and the result links.

This needs neither the rest of the store nor the realiser: loading their modules takes longer than the check.
"""

from __future__ import annotations

import os

from pathlib import Path
from typing import TYPE_CHECKING

from store.gc.roots import result_of
from store.layout import FORMAT_VERSION, Layout
from store.records.database import Database


if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from derivations.derivation import Output
    from store.path import StorePath


DAY = 24 * 60 * 60
"""Seconds: the use of an object is recorded once a day at most."""


def find_existing(home: Path, wanted: Collection[Output], links: Mapping[Path, Output]) -> dict[Output, Path] | None:
    """Return the paths of the *wanted* outputs in the store in *home* if they and the *links* to them exist, else None.

    A root that points to an object before the object is found valid keeps it alive, so nothing needs to be held.
    """
    layout = Layout(Path(os.path.realpath(home)))
    if not _is_usable(layout):
        return None
    linked = {link: result_of(layout, link) for link in links}
    found = _known(layout, wanted)
    if len(found) < len(set(wanted)) or any(linked[link] != found[it] for link, it in links.items()):
        return None
    return {it: layout.objects / str(path) for it, path in found.items()}


def _known(layout: Layout, wanted: Collection[Output]) -> dict[Output, StorePath]:
    from derivations.realise.plan import known_outputs  # noqa: PLC0415 -- after `record` has read its files' state

    database = Database(layout.database, fresh=False)
    try:
        known = known_outputs(wanted, database.realised)
        found = {it: path for it, path in known.items() if os.path.lexists(layout.objects / str(path))}
        database.touch(found.values(), older_than=DAY)
    finally:
        database.close()
    return found


def _is_usable(layout: Layout) -> bool:
    """Return whether there is a store of our format; opening any other reports what is wrong with it."""
    try:
        return layout.version.read_text() == f"{FORMAT_VERSION}\n" and layout.database.stat().st_size > 0
    except OSError:
        return False
