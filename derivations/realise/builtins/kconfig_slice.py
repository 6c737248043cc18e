"""builtin:kconfig-slice: the files of a kernel tree that Kconfig and `make …config` read, for every architecture.

Mount `/tree`. Of its 80,000 files, about 3,000 affect a configuration. With a tree of these alone, a
patch to other files does not rebuild what depends on the slice. They are

- all files called Kconfig… or below `scripts/`, the configurations that come with the kernel,
  and the makefiles at the top and of each architecture;
- the files that these makefiles include and that Kconfig sources or runs (`$(success,$(srctree)/arch/…)`). A
  variable in such a name stands for anything between two slashes.

The files are shared with the store's pool, so the slice takes no space.
"""

from __future__ import annotations

import os
import re

from typing import TYPE_CHECKING

from derivations.realise.job import Cancelled
from store.errors import Error
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from derivations.realise.job import Job
    from store.trees.content import Content


_READ = re.compile(
    r"(?!tools/)(?:.*/)?Kconfig[^/]*"
    r"|Makefile|Kbuild|scripts/.*"
    r"|(?:arch/[^/]+|kernel)/configs/.*"
    r"|arch/[^/]+/(?:Makefile|Kbuild)[^/]*"
)
_KCONFIG = re.compile(r"(?:.*/)?Kconfig[^/]*")
_MAKEFILE = re.compile(r"(?!scripts/)(?:.*/)?(?:Makefile|Kbuild|Platform)[^/]*")
_SOURCED = re.compile(rb"""^[ \t]*source[ \t]+["']?([^"'\n]+)|\$\(srctree\)/([^\s"'),]+)""", re.MULTILINE)
_INCLUDED = re.compile(rb"^[ \t]*(?:-|s)?include[ \t]+([^#\n]+)", re.MULTILINE)
_VARIABLE = re.compile(r"\$\([^()]*\)|\$\{[^{}]*\}|%")
_PATH = re.compile(r"(?!/)(?!.*\.\./)[\w*./+,-]+")
_REPORT_EVERY = 512  # files: often enough for a smooth display, seldom enough to cost nothing


class NoKernelTree(Error):
    """The source to configure is not a kernel tree."""

    name: str
    missing: str

    def __str__(self) -> str:
        return f"{self.name} is not a kernel source tree: it has no {self.missing}"

    @property
    def hint(self) -> str:
        """Return the usual cause."""
        return "`source` must be an archive as on kernel.org, or the directory that contains Makefile and Kconfig"


def kconfig_slice(job: Job) -> Content:
    """Make the slice of the tree mounted at `/tree`.

    Raises:
        NoKernelTree: it is not a kernel tree.
    """
    tree = job.inputs["/tree"]
    for needed in ("Kconfig", "Makefile", "scripts/kconfig/Makefile"):
        if not (tree / needed).is_file():
            raise NoKernelTree(job.derivation.mounts["/tree"].derivation.name, needed)
    chosen = sorted(_chosen(tree, job))
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        for done, path in enumerate(chosen):
            if done % _REPORT_EVERY == 0:
                _check_cancelled(job)
                job.progress(done, len(chosen))
            source = tree / path
            if source.is_symlink():
                writer.symlink(path, os.readlink(source))  # noqa: PTH115 -- a Path would normalise the target
            else:
                writer.file(path, source.read_bytes(), executable=os.access(source, os.X_OK))
        return writer.finish()


def _chosen(tree: Path, job: Job) -> set[str]:
    """Return the paths of the files in the slice of *tree*."""
    chosen = {path for path in _files(tree, job) if _READ.fullmatch(path)}
    pending = [path for path in chosen if _names_others(path)]
    while pending:
        _check_cancelled(job)
        found = {it for name in _named(tree / pending.pop()) for it in _matching(name, tree)} - chosen
        chosen |= found
        pending += (path for path in found if _names_others(path))
    return chosen


def _names_others(path: str) -> bool:
    return bool(_KCONFIG.fullmatch(path) or _MAKEFILE.fullmatch(path))


def _named(path: Path) -> set[str]:
    """Return the file names mentioned in the file *path*, variables included."""
    text = path.read_bytes()
    if _KCONFIG.fullmatch(path.name):
        words = {sourced or run for sourced, run in _SOURCED.findall(text)}
    else:
        words = {word for line in _INCLUDED.findall(text) for word in line.split()}
    return {os.fsdecode(word).removeprefix("$(srctree)/").rstrip("),") for word in words}


def _matching(name: str, tree: Path) -> Iterator[str]:
    """Yield the paths of the files in *tree* that *name* can refer to."""
    pattern = _VARIABLE.sub("*", name)
    if _PATH.fullmatch(pattern) and not pattern.endswith(("*", ".h")):  # `include $(files)`, `-include header.h`
        for path in tree.glob(pattern):
            if path.is_symlink() or path.is_file():
                yield path.relative_to(tree).as_posix()


def _files(tree: Path, job: Job) -> set[str]:
    """Return the paths of all files and symbolic links in *tree*."""
    found = set()
    pending = [""]
    while pending:
        directory = pending.pop()
        _check_cancelled(job)
        with os.scandir(tree / directory) as entries:
            for entry in entries:
                path = f"{directory}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{path}/")
                else:
                    found.add(path)
    return found


def _check_cancelled(job: Job) -> None:
    if job.cancelled():
        raise Cancelled(job.derivation.name)
