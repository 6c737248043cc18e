"""Write derivations to the store: the paths that `kernix instantiate` prints and that results name as their deriver."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

from blake3 import blake3

from derivations import drv
from derivations.realise.plan import inputs_first
from store.gc.retention import Retention
from store.osutil.space import disk_full_reported
from store.path import StorePath
from store.registration import Entry
from store.trees.content import Content, Kind, tree_digest
from store.trees.seal import FILE_MODE, MTIME_NS


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from derivations.derivation import Derivation
    from store.local import Store


def instantiate(store: Store, derivations: Iterable[Derivation]) -> dict[Derivation, StorePath]:
    """Write *derivations* and everything they need to *store*, and return the path of each.

    Raises:
        DiskFull: the disk is full.
    """
    paths: dict[Derivation, StorePath] = {}
    texts: dict[StorePath, tuple[Derivation, bytes]] = {}
    for derivation in inputs_first(derivations):
        text = drv.dumps(derivation, paths.__getitem__)
        digest = tree_digest(Kind.FILE, blake3(text).digest())
        references = [paths[output.derivation] for output in derivation.inputs]
        path = StorePath.make(digest, derivation.name + drv.SUFFIX, set(references))
        paths[derivation] = path
        texts[path] = derivation, text
    missing = texts.keys() - store.hold(texts)
    if missing:
        with store.scratch() as scratch, disk_full_reported(store.layout.home):
            store.commit([_entry(path, *texts[path], scratch, paths) for path in texts if path in missing])
    return paths


def _entry(
    path: StorePath, derivation: Derivation, text: bytes, scratch: Path, paths: dict[Derivation, StorePath]
) -> Entry:
    """Write *text* below *scratch*, with the metadata of a store object."""
    place = scratch / str(path)
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        os.fchmod(descriptor, FILE_MODE)  # whatever the umask is
    os.utime(place, ns=(MTIME_NS, MTIME_NS))
    return Entry(
        path=path,
        place=place,
        content=Content(tree_digest(Kind.FILE, blake3(text).digest()), len(text), 1),
        references=frozenset(paths[output.derivation] for output in derivation.inputs),
        retention=Retention.DERIVATION,
    )
