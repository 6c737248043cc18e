"""builtin:kbuild-map: which objects the makefiles of a kernel tree build for which options.

Mount `/tree`: the tree. Environment: `srcarch`.
"""

from __future__ import annotations

import itertools

from typing import TYPE_CHECKING

from derivations.hardware.makefiles.kbuild_map import TREE
from derivations.hardware.makefiles.read_kbuild import read_kbuild
from store.osutil.interrupt import check
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Callable

    from derivations.realise.job import Job
    from derivations.realise.view import View
    from store.trees.content import Content


_REPORT_EVERY = 256  # files: often enough for a smooth display, seldom enough to cost nothing


def kbuild_map(job: Job) -> Content:
    """Read the makefiles of the tree of *job*."""
    read = reader(job.tree(TREE))
    files = itertools.count(1)

    def counted(path: str) -> str | None:
        if (number := next(files)) % _REPORT_EVERY == 0:
            job.progress(number, None)
        return read(path)

    kbuild = read_kbuild(counted, job.derivation.env["srcarch"])
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("", kbuild.to_json())
        return writer.finish()


def reader(tree: View) -> Callable[[str], str | None]:
    """Return a function that returns the text of a file in *tree*, None if there is no such file."""

    def read(path: str) -> str | None:
        check()
        if path.startswith(("/", "../")):
            return None
        try:
            return _text(tree.read(path))
        except FileNotFoundError:
            return None

    return read


def _text(data: bytes) -> str:
    """Return *data* as a text file: any of the three kinds of line ends is a newline."""
    return data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
