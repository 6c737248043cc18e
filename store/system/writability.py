"""A store to which nothing can be written: on a file system that is mounted so, or somebody else's.

What is in it can be looked at. Nobody deletes anything there through this mount, so nothing has to be held and no gate be passed.
"""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

from store.errors import Error


if TYPE_CHECKING:
    from pathlib import Path


class StoreReadOnly(Error):
    """Something is to be written to a store that can only be read."""

    place: Path

    def __str__(self) -> str:
        return f"{self.place} cannot be written: its file system is mounted read-only, or it belongs to somebody else"

    @property
    def hint(self) -> str:
        """Return the ways out."""
        return "make it writable, or use another KERNIX_HOME"


def is_read_only(home: Path) -> bool:
    """Return whether there is something at *home*, and nothing can be written to it."""
    return os.access(home, os.F_OK) and not os.access(home, os.W_OK)
