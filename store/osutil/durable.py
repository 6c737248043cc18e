"""Small files that are written atomically and survive a power failure."""

from __future__ import annotations

import contextlib
import os

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from pathlib import Path


def write_whole(place: Path, text: str, *, replace: bool = True, mode: int = 0o666) -> bool:
    """Write *text* to *place*, all or nothing; return False if the file exists and *replace* is not set.

    The file has the *mode*, without what the umask takes away, from its first byte on.

    Raises:
        OSError: it cannot be written.
    """
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)  # of a process with this number that was killed
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 -- a descriptor
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(place)
            return True
        try:  # unlike a rename, a link does not replace what another process has written meanwhile
            place.hardlink_to(temporary)
        except FileExistsError:
            return False
        return True
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def sync_directory(directory: Path) -> None:
    """Wait until the names in *directory* are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
