"""Whether a directory is ours alone: what others can change must not become part of a result."""

from __future__ import annotations

import os
import stat

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from pathlib import Path


def who_else(place: Path) -> str | None:
    """Return why others may change what is in the directory *place*; None if they cannot, or if nothing is there.

    Raises:
        OSError: that cannot be found out.
    """
    try:
        status = place.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a directory"
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    return "others can enter it" if status.st_mode & 0o077 else None
