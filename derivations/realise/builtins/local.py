"""builtin:local and builtin:write-text: files of this machine, and text from the definition.

`local` has `path` in its environment; its hash is the tree digest that was read there when the definition was
evaluated. `write-text` has `text`, and `executable` if the file is.
"""

from __future__ import annotations

import errno
import os

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from store.errors import Error, reason_of
from store.trees.copy_in import copy_in
from store.trees.stat_cache import Index
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from derivations.realise.job import Job
    from store.trees.content import Content


# Errors of the store, not of the source.
_OURS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class Changed(Error):
    """A source has changed since the definition was evaluated."""

    exit_code: ClassVar[int] = 102

    path: Path

    def __str__(self) -> str:
        return f"{self.path} has changed since it was read"

    @property
    def hint(self) -> str:
        """Return how to get a consistent source."""
        return "run the command again; if something keeps writing there, stop it or copy the source first"


class Unreadable(Error):
    """A source can no longer be read."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"cannot read {self.path}: {self.reason}"


def local(job: Job) -> Content:
    """Copy the path of *job*.

    Raises:
        Changed: its contents have changed.
        Unreadable: it is gone, or something in it cannot be read.
    """
    path = Path(job.derivation.env["path"])
    if not path.exists():
        raise Unreadable(str(path), "it no longer exists")
    try:
        with Index.open(job.store.layout.index) as index:
            content = copy_in(path, job.out / "out", job.store.pool, index)
            index.save()
    except OSError as error:
        if error.errno in _OURS:
            raise
        raise Unreadable(os.fsdecode(error.filename or path), reason_of(error)) from None
    fixed = job.derivation.fixed
    if fixed is None or content.digest.hex() != fixed.digest:
        raise Changed(path)
    return content


def write_text(job: Job) -> Content:
    """Write the text of *job*."""
    env = job.derivation.env
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("", env["text"].encode(), executable="executable" in env)
        return writer.finish()
