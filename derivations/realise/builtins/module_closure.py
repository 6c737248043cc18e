"""builtin:module-closure: the modules that a request needs, with the kernel's own lists and their firmware.

Mounts `/modules`: a tree with `lib/modules/RELEASE`; `/kernel`: the output with the kernel's `config`; `/firmware`, if given: a
tree with firmware. Environment: `request`, JSON (`derivations.modules.request`); `decompress`, if the modules shall not
be compressed.

Output: `lib/modules/RELEASE` without what depmod makes, `lib/firmware` if firmware is given, `closure.json` and `load-order`.
Everything is decided, and every module has been read, before the first file is written.
"""

from __future__ import annotations

import json
import os

from typing import TYPE_CHECKING

import attrs

from derivations.linux.module_closure import FIRMWARE, KERNEL, LIST, LOAD_ORDER, MODULES
from derivations.modules.index import KEPT_FILES
from derivations.modules.modinfo import decompressed, without_compression
from derivations.modules.request import Request
from derivations.realise.job import Cancelled
from derivations.realise.module_tree import ModuleTree, firmware_tree
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.modules.closure import Module
    from derivations.realise.job import Job
    from store.trees.content import Content


def module_closure(job: Job) -> Content:
    """Write the closure of *job*.

    Raises:
        Error: the request or a tree is not valid, see `derivations.modules.closure.close`.
    """
    tree = ModuleTree.open(job.inputs[MODULES], _label(job.inputs[MODULES]))
    config = job.inputs[KERNEL] / "config"
    request = Request.from_json(json.loads(job.derivation.env["request"]))
    closure = tree.close(request, config if config.is_file() else None)
    sources = [it.path for it in closure.modules]
    if plain := "decompress" in job.derivation.env:
        closure = attrs.evolve(closure, modules=tuple(_decompressed(it, tree) for it in closure.modules))
    place = f"lib/modules/{closure.release}"
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        for number, (module, source) in enumerate(zip(closure.modules, sources, strict=True)):
            if job.cancelled():
                raise Cancelled(job.derivation.name)
            job.progress(number, len(sources))
            data = tree.read(source)
            writer.file(f"{place}/{module.path}", decompressed(source, data) if plain else data)
        writer.directory(place)
        for name in KEPT_FILES:
            if (file := tree.directory / name).is_file():
                writer.file(f"{place}/{name}", file.read_bytes())
        if FIRMWARE in job.inputs:
            top, firmware = firmware_tree(job.inputs[FIRMWARE])
            found = firmware.of(closure)
            writer.directory("lib/firmware")
            for path in found.paths:
                _copy(writer, top, path)
            for missing in found.missing:
                job.warn(str(missing))
        writer.file(LOAD_ORDER, "".join(f"{it.path}\n" for it in closure.modules).encode())
        writer.file(LIST, (json.dumps(closure.to_json(), indent=1, sort_keys=True) + "\n").encode())
        return writer.finish()


def _decompressed(module: Module, tree: ModuleTree) -> Module:
    data = decompressed(module.path, tree.read(module.path))
    return attrs.evolve(module, path=without_compression(module.path), size=len(data))


def _copy(writer: TreeWriter, top: Path, path: str) -> None:
    place = f"lib/firmware/{path}"
    if (top / path).is_symlink():
        writer.symlink(place, os.readlink(top / path))  # noqa: PTH115 -- a Path would normalise the target
    else:
        writer.file(place, (top / path).read_bytes())


def _label(path: Path) -> str:
    return path.name.partition("-")[2] or path.name
