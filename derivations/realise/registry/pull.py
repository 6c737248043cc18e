"""Pull an artifact from a registry: its objects, each checked against its digest. Results are not believed."""

from __future__ import annotations

import hashlib

from typing import IO, TYPE_CHECKING

from derivations.realise.registry.client import Client
from derivations.realise.registry.errors import LayerRefused
from derivations.realise.registry.unpack import unpack_layer
from derivations.realise.sandbox.bounds import Bounds
from store.exports.oci import read_manifest
from store.osutil.space import disk_full_reported
from store.registration import Entry


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from derivations.realise.registry.reference import Reference
    from store.exports.oci import Layer
    from store.local import Store
    from store.path import StorePath


_CHUNK = 1 << 20  # bytes


def pull_oci(
    store: Store,
    reference: Reference,
    *,
    credentials: Sequence[Path] = (),
    bounds: Bounds | None = None,
    each: Callable[[Layer], None] = lambda _: None,
) -> list[StorePath]:
    """Pull the artifact *reference* and return the paths that it was pushed for, which are held.

    All of its objects are registered, or none. *each* is called before one is fetched; those that are in the store are not.

    Raises:
        RegistryFailed: the registry refuses, is none, or does not have it.
        NotAnArtifact: it is something else.
        LayerRefused: an object is not what the manifest says.
        DiskFull, WouldFillDisk: there is no room.
    """
    with Client(reference, credentials) as client:
        layers, roots = read_manifest(client.manifest(), str(reference))
        there = store.hold({it.path for it in layers})
        missing = {it.path: it for it in layers if it.path not in there}
        if not missing:
            return roots
        with store.scratch() as scratch, disk_full_reported(store.layout.home):
            entries = []
            for number, layer in enumerate(missing.values()):
                each(layer)
                place = scratch / f"{number}.layer"
                with place.open("x+b") as file:
                    client.blob(layer.digest, layer.size, file)
                    _check(layer, file, str(reference))
                    target = scratch / str(number)
                    content = unpack_layer(
                        layer, file, target, pool=store.pool, bounds=bounds or Bounds(), reference=str(reference)
                    )
                place.unlink()
                entries.append(
                    Entry(path=layer.path, place=target, content=content, references=frozenset(layer.references))
                )
            store.commit(entries)
    return roots


def _check(layer: Layer, file: IO[bytes], reference: str) -> None:
    """Check the bytes of *layer* in *file*, and go back to its beginning."""
    size = file.tell()
    if size != layer.size:
        raise LayerRefused(reference, str(layer.path), f"the layer has {size:,} bytes instead of {layer.size:,}")
    file.seek(0)
    hasher = hashlib.sha256()
    while piece := file.read(_CHUNK):
        hasher.update(piece)
    if f"sha256:{hasher.hexdigest()}" != layer.digest:
        raise LayerRefused(reference, str(layer.path), "the layer has another SHA-256 than the manifest says")
    file.seek(0)
