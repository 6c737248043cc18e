"""Stores that cannot be written: on a read-only mount, or owned by another user.

Their contents can be read. Nothing is deleted through this mount, so readers need no holds and no gate.
"""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

from store.errors import Error


if TYPE_CHECKING:
    from pathlib import Path


class StoreReadOnly(Error):
    """A write to a store that can only be read."""

    place: Path

    def __str__(self) -> str:
        return f"{self.place} is not writable: its file system is mounted read-only, or it belongs to another user"

    @property
    def hint(self) -> str:
        """Return the alternatives."""
        return "make it writable, or use another KERNIX_HOME"


def is_read_only(home: Path) -> bool:
    """Return whether *home* exists but cannot be written."""
    return os.access(home, os.F_OK) and not os.access(home, os.W_OK)
