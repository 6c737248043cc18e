"""The trash: what has been taken out of the store at one stroke and is unlinked afterwards.

A rename takes something away from everybody at once and whole, however large it is. Only the collector
empties the trash; what a crash leaves there is the next collection's.
"""

from __future__ import annotations

import contextlib
import secrets

from typing import TYPE_CHECKING

from store import seal
from store.remove import remove_many


if TYPE_CHECKING:
    from store.layout import Layout


def discard(layout: Layout, name: str) -> None:
    """Move *name*, if it is there, from the directory of the objects to the trash. Only inside the gate."""
    source = layout.objects / name
    target = layout.trash / secrets.token_hex(16)
    with contextlib.suppress(FileNotFoundError):
        try:
            source.rename(target)
        except PermissionError:
            seal.unseal(source)  # a directory's `..` changes, and only root may do that to a read-only one
            source.rename(target)


def empty(layout: Layout) -> int:
    """Unlink all that is in the trash; return how many bytes the disk got back."""
    places = list(layout.trash.iterdir())
    return remove_many(places)[1] if places else 0
