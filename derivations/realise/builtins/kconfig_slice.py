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
import stat

from typing import TYPE_CHECKING

from derivations.realise.job import Cancelled
from store.errors import Error
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.realise.job import Job
    from derivations.realise.view import View
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
    tree = job.tree("/tree")
    for needed in ("Kconfig", "Makefile", "scripts/kconfig/Makefile"):
        if not tree.is_file(needed):
            raise NoKernelTree(job.derivation.mounts["/tree"].derivation.name, needed)
    chosen = sorted(_chosen(tree, job))
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        for done, path in enumerate(chosen):
            if done % _REPORT_EVERY == 0:
                _check_cancelled(job)
                job.progress(done, len(chosen))
            source = tree.find(path, follow=False)
            if source is not None and source.is_link:
                writer.symlink(path, os.readlink(source.on_disk[0]))  # noqa: PTH115 -- a Path would normalise the target
            elif source is not None:
                writer.file(path, tree.read(path), executable=bool(source.mode & stat.S_IXUSR))
        return writer.finish()


def _chosen(tree: View, job: Job) -> set[str]:
    """Return the paths of the files in the slice of *tree*."""
    chosen = {path for path in _files(tree, job) if _READ.fullmatch(path)}
    pending = [path for path in chosen if _names_others(path)]
    while pending:
        _check_cancelled(job)
        found = {it for name in _named(tree, pending.pop()) for it in _matching(name, tree)} - chosen
        chosen |= found
        pending += (path for path in found if _names_others(path))
    return chosen


def _names_others(path: str) -> bool:
    return bool(_KCONFIG.fullmatch(path) or _MAKEFILE.fullmatch(path))


def _named(tree: View, path: str) -> set[str]:
    """Return the file names mentioned in the file *path* of *tree*, variables included."""
    try:
        text = tree.read(path)
    except FileNotFoundError:  # a link that leads nowhere
        return set()
    if _KCONFIG.fullmatch(path):
        words = {sourced or run for sourced, run in _SOURCED.findall(text)}
    else:
        words = {word for line in _INCLUDED.findall(text) for word in line.split()}
    return {os.fsdecode(word).removeprefix("$(srctree)/").rstrip("),") for word in words}


def _matching(name: str, tree: View) -> Iterator[str]:
    """Yield the paths of the files in *tree* that *name* can refer to."""
    pattern = _VARIABLE.sub("*", name)
    if _PATH.fullmatch(pattern) and not pattern.endswith(("*", ".h")):  # `include $(files)`, `-include header.h`
        for path in tree.glob(pattern):
            found = tree.find(path, follow=False)
            if found is not None and not found.is_directory:
                yield path


def _files(tree: View, job: Job) -> Iterator[str]:
    """Yield the paths of all files and symbolic links in *tree*."""
    for number, path in enumerate(tree.files()):
        if number % _REPORT_EVERY == 0:
            _check_cancelled(job)
        yield path


def _check_cancelled(job: Job) -> None:
    if job.cancelled():
        raise Cancelled(job.derivation.name)
