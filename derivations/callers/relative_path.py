"""Paths in a definition are relative to the file that contains it, not to the working directory."""

from __future__ import annotations

import os
import sys

from pathlib import Path
from typing import TYPE_CHECKING

from store.errors import Error


if TYPE_CHECKING:
    from types import FrameType


_GENERATED = "<attrs generated"


class NotAPath(Error):
    """A definition passes something else where the name of a file or a directory is expected."""

    value: object

    def __str__(self) -> str:
        return f"{self.value!r} is not the name of a file or a directory"


def relative_to_caller(path: str | os.PathLike[str], depth: int = 1) -> Path:
    """Return *path* as an absolute path, relative to the code *depth* calls above the caller.

    A relative path is relative to the directory of that code's Python file or, if it has no file, as at an
    interactive prompt, to the working directory. The methods that attrs generates do not
    count as calls.

    Raises:
        NotAPath: *path* is not a path.
    """
    if not isinstance(path, str | os.PathLike):
        raise NotAPath(path)
    place = Path(path)
    file = None if place.is_absolute() else _frame_above(depth + 1).f_globals.get("__file__")
    if isinstance(file, str):
        place = Path(file).parent / place
    return Path(os.path.normpath(place.absolute()))


def _frame_above(depth: int) -> FrameType:
    """Return the frame *depth* calls above the caller, or the outermost one."""
    frame = sys._getframe(1)  # noqa: SLF001 -- inspect costs 10 ms of start-up to wrap this
    while depth and frame.f_back is not None:
        frame = frame.f_back
        if not frame.f_code.co_filename.startswith(_GENERATED):
            depth -= 1
    return frame
