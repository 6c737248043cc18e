"""Directories shown as one by overlayfs."""

from __future__ import annotations

import stat

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    import os

    from pathlib import Path


def _work(layers: Layers, _: attrs.Attribute[Path | None], work: Path | None) -> None:
    if layers.upper is None and not layers.lower:
        raise ValueError("layers without a directory show nothing")
    if (layers.upper is None) != (work is None):
        raise ValueError("an upper directory needs a work directory, and only that needs one")
    if layers.upper is not None and work is not None and (layers.upper.parent != work.parent or layers.upper == work):
        raise ValueError(f"the work directory {work} is not beside {layers.upper}")


@attrs.frozen(kw_only=True)
class Layers:
    """Directories shown as one by overlayfs, the first on top.

    Their files and directories belong to us. Changes reach only *upper*, where they belong to us as well, whoever
    the builder is. What an earlier build made in *upper* is visible.

    Attributes:
        lower: The read-only directories.
        upper: The directory that receives changes; None if nothing can be changed.
        work: A directory beside *upper*, for the kernel, which is emptied first.
    """

    lower: tuple[Path, ...]
    upper: Path | None = None
    work: Path | None = attrs.field(default=None, validator=_work)

    def has(self, name: str) -> bool:
        """Return whether an entry *name* is visible at the top."""
        for layer in (*(() if self.upper is None else (self.upper,)), *self.lower):
            try:
                return not is_whiteout((layer / name).lstat())
            except FileNotFoundError:
                continue
        return False


def is_whiteout(status: os.stat_result) -> bool:
    """Return whether a file with *status* hides what lower layers have of its name."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
