"""builtin:module-sources: what some modules of a kernel tree are compiled from.

Mount `/tree`. Environment: `modules`, the names of directories or modules, separated by spaces; `prefix`, the directory
for the files in the output. If the tree is one with further patches, `/changes` and `/removed` are what all patches do to
the source (`builtin:patch`), and `/changes-before` and `/removed-before` what those of the kernel itself do. Outputs: `out`,
the files; `list`, for each name a line with the directory, the module or `-`, and `module:OPTION` for each module.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.kbuild.module_sources import Files, Module, find, sources
from derivations.kbuild.refusals import is_harmless
from derivations.realise.job import Cancelled
from store.errors import Error
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.realise.job import Job


_KCONFIG = re.compile(r"(?:.*/)?Kconfig[^/]*$")


class PatchedElsewhere(Error):
    """Patches of modules change what does not belong to the modules."""

    path: str
    modules: tuple[str, ...]

    def __str__(self) -> str:
        return f"a patch of {', '.join(self.modules)} changes {self.path}, which the kernel is built from as well"

    @property
    def hint(self) -> str:
        """Patch the kernel."""
        return "give the patch to the kernel: `linux.override(patches=lambda old: [*old, …])`"


def module_sources(job: Job) -> None:
    """Take the sources of modules out of the tree mounted at `/tree`.

    Raises:
        NoSuchModule, SeveralModules: a name does not mean exactly one thing.
        PatchedElsewhere: the patches change other files.
    """
    tree = job.tree("/tree")
    files = Files.of(tree)
    modules = [find(files, name) for name in job.derivation.env["modules"].split()]
    _check_patches(job, modules)
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.directory("")
        for path in sorted(sources(files, modules)):
            if job.cancelled():
                raise Cancelled(job.derivation.name)
            place = posixpath.join(job.derivation.env["prefix"], path)
            found = tree.find(path, follow=False)
            if found is not None and found.is_link:
                writer.symlink(place, os.readlink(found.on_disk[0]))  # noqa: PTH115 -- a Path would normalise the target
            elif found is not None:
                writer.file(place, tree.read(path), executable=bool(found.mode & stat.S_IXUSR))
        writer.finish()
    lines = (
        f"{it.directory}\t{it.name or '-'}\t{' '.join(f'{module}:{option}' for module, option in it.options)}\n"
        for it in modules
    )
    (job.out / "list").write_text("".join(lines), encoding="utf-8")


def _check_patches(job: Job, modules: Iterable[Module]) -> None:
    """Check that the patches of *modules* change nothing else, except what no product depends on."""
    if "/changes" not in job.inputs:
        return
    now, before = (_changes(job, end) for end in ("", "-before"))
    directories = tuple(f"{it.directory}/" for it in modules)
    for path in sorted(it for it in now.keys() | before.keys() if now.get(it) != before.get(it)):
        if not is_harmless(path) and (not path.startswith(directories) or _KCONFIG.match(path)):
            raise PatchedElsewhere(path, tuple(it.directory for it in modules))


def _changes(job: Job, end: str) -> dict[str, bytes | None]:
    """Return the new contents of what patches change, None for what they remove."""
    if f"/changes{end}" not in job.inputs:
        return {}
    root = job.inputs[f"/changes{end}"]
    found: dict[str, bytes | None] = {
        os.fsdecode(path): None for path in job.inputs[f"/removed{end}"].read_bytes().split(b"\n") if path
    }
    for above, _, names in os.walk(root):
        for name in names:
            place = Path(above, name)
            found[os.fspath(place.relative_to(root))] = (
                os.fsencode(place.readlink()) if place.is_symlink() else place.read_bytes()
            )
    return found
