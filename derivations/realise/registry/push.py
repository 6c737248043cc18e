"""Push a closure to a registry as one artifact."""

from __future__ import annotations

import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.realise.registry.client import Client
from store.closure import closure, topological
from store.exports.oci import EMPTY_CONFIG, Layer, manifest_of, sha256_digest
from store.exports.outgoing import Outgoing
from store.exports.read_object import read_object
from store.exports.tar import TarWriter


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from derivations.realise.registry.reference import Reference
    from store.local import Store
    from store.path import StorePath
    from store.records.database import PathInfo


def push_oci(
    store: Store,
    paths: Iterable[StorePath],
    reference: Reference,
    *,
    credentials: Sequence[Path] = (),
    each: Callable[[Layer], None] = lambda _: None,
) -> list[Layer]:
    """Push *paths* and all that they refer to, to *reference*; return the layers.

    The artifact gets the tag of the reference and the action keys that *paths* are the results of here. Nobody sees it before
    all its layers are there.

    Raises:
        RegistryFailed: the registry refuses, or is none.
        ClosureTooLarge: there are too many objects.
        ObjectMissing: one of *paths* is not in the store.
        ObjectDamaged, ObjectGone: an object is not what was registered.
    """
    roots = list(dict.fromkeys(paths))
    store.hold_all(roots)
    graph = closure(roots, store.references)
    infos = store.infos(graph)
    keys: dict[StorePath, list[tuple[str, str]]] = {}
    for key, output, path in store.database.all_realisations():
        keys.setdefault(path, []).append((key.hex(), output))
    layers = []
    with Client(reference, credentials) as client:
        for path in topological(graph):
            layers.append(
                _push(store, infos[path], client, tuple(f"{key}.{out}" for key, out in sorted(keys.get(path, ()))))
            )
            each(layers[-1])
        client.put_blob(sha256_digest(EMPTY_CONFIG), len(EMPTY_CONFIG), EMPTY_CONFIG)
        manifest = manifest_of(layers, roots)
        for tag in dict.fromkeys([*sorted(key for root in roots for key, _ in keys.get(root, ())), reference.tag]):
            client.put_manifest(manifest, tag)
    return layers


def _push(store: Store, info: PathInfo, client: Client, keys: tuple[str, ...]) -> Layer:
    # Not in a scratch of the store, which may be read-only.
    with tempfile.TemporaryDirectory(prefix="kernix-push-") as scratch, Outgoing(Path(scratch)) as file:
        writer = TarWriter(info.path, file.write)
        read_object(info.path, store.path(info.path), info.digest, writer)
        writer.end()
        file.finish()
        layer = Layer(
            path=info.path,
            tree=info.digest,
            unpacked=info.size,
            nodes=info.nodes,
            references=info.references,
            action_keys=keys,
            digest=f"sha256:{file.hasher.hexdigest()}",
            size=file.size,
        )
        with file.place.open("rb") as data:
            client.put_blob(layer.digest, layer.size, data)
    return layer
