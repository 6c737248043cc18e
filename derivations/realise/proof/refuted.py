"""Refutations that no build has reported yet: `<home>/refuted/<key>`, a file for each derivation."""

from __future__ import annotations

import contextlib
import json

from typing import TYPE_CHECKING, Any

import attrs

from store.osutil.durable import write_whole
from store.path import StorePath


if TYPE_CHECKING:
    from store.layout import Layout


@attrs.frozen(kw_only=True)
class Refutation:
    """A result that a clean build refuted.

    Attributes:
        name: The derivation's name.
        key: Its key, in hexadecimal.
        seen: When, in seconds since 1970.
        withdrawn: The outputs that are results no more.
        instead: The clean outputs that took their place.
        spoilt: What was built from the withdrawn ones.
    """

    name: str
    key: str
    seen: int
    withdrawn: tuple[StorePath, ...]
    instead: tuple[StorePath, ...]
    spoilt: tuple[StorePath, ...]


def leave(layout: Layout, refutation: Refutation) -> None:
    """Leave *refutation* for the next build that it concerns.

    Raises:
        OSError: it cannot be written.
    """
    layout.refuted.mkdir(mode=0o700, exist_ok=True)
    write_whole(
        layout.refuted / refutation.key, json.dumps(attrs.asdict(refutation, recurse=False), default=str) + "\n"
    )


def unread(layout: Layout) -> list[Refutation]:
    """Return the refutations that no build has taken, oldest first; what cannot be read is left out."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for place in sorted(layout.refuted.iterdir()):
            with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
                facts: dict[str, Any] = json.loads(place.read_bytes())
                for name in ("withdrawn", "instead", "spoilt"):
                    facts[name] = tuple(map(StorePath.parse, facts[name]))
                refutation = Refutation(**facts)
                if refutation.key == place.name:  # a file that is being written has another name
                    found.append(refutation)
    return sorted(found, key=lambda it: it.seen)


def take(layout: Layout, refutation: Refutation) -> bool:
    """Take *refutation* away, since it is going to be reported; return False if another process was quicker."""
    try:
        (layout.refuted / refutation.key).unlink()
    except FileNotFoundError:
        return False
    return True
