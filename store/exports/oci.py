"""A closure as an OCI artifact (OCI image specification 1.1, "Guidelines for Artifact Usage").

    config   the empty one
    layers   one for each object, references before their referrers: a tar file (`store.exports.tar`), compressed with zstd

The manifest says everything about an object in the annotations of its layer: its path, the digest of its tree, its size, its
references, and the action keys that it is a result of here. Who pulls it believes none of that but what follows from the bytes.
"""

from __future__ import annotations

import hashlib
import json
import re

from typing import Any

import attrs

from store.errors import Error
from store.path import InvalidStorePath, StorePath


MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT = "application/vnd.kernix.closure.v1"
LAYER = "application/vnd.kernix.object.v1.tar+zstd"
EMPTY = "application/vnd.oci.empty.v1+json"
EMPTY_CONFIG = b"{}"

MAX_MANIFEST = 4 << 20
"""Bytes of a manifest: registries refuse larger ones."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TREE = re.compile(r"[0-9a-f]{64}")
_KEY = "kernix."
_LARGEST = 1 << 50


class NotAnArtifact(Error):
    """What a registry has is no closure of kernix, or is damaged."""

    reference: str
    reason: str

    def __str__(self) -> str:
        return f"{self.reference} is not a closure that kernix pushed: {self.reason}"


class ClosureTooLarge(Error):
    """A closure has too many objects for one manifest."""

    objects: int

    def __str__(self) -> str:
        return f"{self.objects:,} objects do not fit into one manifest, which has at most {MAX_MANIFEST >> 20} MiB"


@attrs.frozen(kw_only=True)
class Layer:
    """An object in an artifact.

    Attributes:
        path: Its store path.
        tree: The digest of its tree.
        unpacked: The total size of its files, in bytes.
        nodes: The number of its files, links and directories.
        references: What it refers to.
        action_keys: The action keys, in hexadecimal, that it is a result of, each with the output's name: `KEY.out`.
        digest: The SHA-256 of the layer, as registries write it.
        size: The size of the layer in bytes.
    """

    path: StorePath
    tree: bytes
    unpacked: int
    nodes: int
    references: tuple[StorePath, ...]
    action_keys: tuple[str, ...] = ()
    digest: str
    size: int


def sha256_digest(data: bytes) -> str:
    """Return the SHA-256 of *data* as registries write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def manifest_of(layers: list[Layer], roots: list[StorePath]) -> bytes:
    """Return the manifest of *layers*, which were pushed for *roots*.

    Raises:
        ClosureTooLarge: no registry would take it.
    """
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ARTIFACT,
        "config": {"mediaType": EMPTY, "digest": sha256_digest(EMPTY_CONFIG), "size": len(EMPTY_CONFIG)},
        "layers": [_descriptor(it) for it in layers],
        "annotations": {f"{_KEY}roots": " ".join(map(str, roots))},
    }
    data = json.dumps(document, indent=2).encode()
    if len(data) > MAX_MANIFEST:
        raise ClosureTooLarge(len(layers))
    return data


def _descriptor(layer: Layer) -> dict[str, Any]:
    said = {
        "path": str(layer.path),
        "tree": layer.tree.hex(),
        "size": str(layer.unpacked),
        "nodes": str(layer.nodes),
        "references": " ".join(map(str, layer.references)),
        "action-keys": " ".join(layer.action_keys),
    }
    return {
        "mediaType": LAYER,
        "digest": layer.digest,
        "size": layer.size,
        "annotations": {f"{_KEY}{key}": value for key, value in said.items()},
    }


def read_manifest(data: bytes, reference: str) -> tuple[list[Layer], list[StorePath]]:
    """Return the layers and the roots in the manifest *data* of *reference*.

    Raises:
        NotAnArtifact: it is another document.
    """
    try:
        document = json.loads(data)
        if not isinstance(document, dict) or document.get("artifactType") != ARTIFACT:
            raise NotAnArtifact(reference, f"its artifact type is not {ARTIFACT}")
        layers = [_layer(it) for it in document["layers"]]
        roots = [StorePath.parse(it) for it in document["annotations"][f"{_KEY}roots"].split()]
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, InvalidStorePath) as error:
        raise NotAnArtifact(reference, f"its manifest is malformed ({str(error)[:100]})") from None
    if not {it.path for it in layers} >= {*roots, *(ref for it in layers for ref in it.references)}:
        raise NotAnArtifact(reference, "it lacks an object that it refers to")
    return layers, roots


def _layer(descriptor: Any) -> Layer:  # noqa: ANN401 -- any JSON
    said = descriptor["annotations"]
    digest, size = descriptor["digest"], descriptor["size"]
    unpacked, nodes = int(said[f"{_KEY}size"]), int(said[f"{_KEY}nodes"])
    tree, path = said[f"{_KEY}tree"], StorePath.parse(said[f"{_KEY}path"])
    if descriptor["mediaType"] != LAYER or not _DIGEST.fullmatch(digest) or not _TREE.fullmatch(tree):
        message = f"the layer of {path}"
        raise ValueError(message)
    if type(size) is not int or not 0 < size < _LARGEST or not 0 <= unpacked < _LARGEST or not 0 < nodes < _LARGEST:
        message = f"a size of {path}"
        raise ValueError(message)
    return Layer(
        path=path,
        tree=bytes.fromhex(tree),
        unpacked=unpacked,
        nodes=nodes,
        references=tuple(StorePath.parse(it) for it in said[f"{_KEY}references"].split()),
        action_keys=tuple(said.get(f"{_KEY}action-keys", "").split()),
        digest=digest,
        size=size,
    )
