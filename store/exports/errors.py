"""What goes wrong outside of the store when objects are exported."""

from __future__ import annotations

import contextlib

from typing import TYPE_CHECKING

from store.errors import Error, reason_of
from store.osutil.space import FULL


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class CannotExport(Error):
    """The destination of an export cannot be written."""

    place: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot export to {self.place}: {self.reason}"


class DestinationFull(CannotExport):
    """The disk of the destination is full."""

    @property
    def hint(self) -> str:
        """Return what happened to the rest."""
        return "what is there already is whole; make room and export again, and only the rest is written"


@contextlib.contextmanager
def reported(place: Path) -> Iterator[None]:
    """Turn an OSError in the body, which writes to *place*, into an error with a name.

    Raises:
        DestinationFull: the disk is full.
        CannotExport: it cannot be written for another reason.
    """
    try:
        yield
    except OSError as error:
        raise (DestinationFull if error.errno in FULL else CannotExport)(place, reason_of(error)) from None
