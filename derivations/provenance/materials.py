"""What enters a graph of derivations from outside: each download, package and local file, with its digest."""

from __future__ import annotations

import hashlib
import json

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import attrs

from derivations.fetch import without_credentials
from derivations.frozen_map import FrozenMap


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.derivation import Derivation


TREE = "kernixTree"
"""The store's digest of a tree: BLAKE3 over names, kinds and contents (docs/store.md)."""

_ALGORITHMS = {"flat": "sha256", "flat-executable": "sha256", "deb": "sha256", "tree": TREE, "git": "gitCommit"}


@attrs.frozen(kw_only=True)
class Material:
    """Something that enters from outside.

    Attributes:
        name: A name for people.
        kind: `deb`, `file`, `git`, `local` or `text`.
        digest: Its digest in hexadecimal, by algorithm, in in-toto's names where it has one.
        uri: Where it is from: a package URL (purl), or a URL without credentials; empty for what is from this machine.
        version: Its version, for packages.
        place: Where a package is in its archive.
    """

    name: str
    kind: str
    digest: FrozenMap[str]
    uri: str = ""
    version: str = ""
    place: str = ""


def materials(derivations: Iterable[Derivation]) -> dict[Derivation, Material]:
    """Return what *derivations* and everything below them take from outside, in order of name and digest."""
    seen: set[Derivation] = set()
    todo = list(derivations)
    found: dict[Derivation, Material] = {}
    while todo:
        derivation = todo.pop()
        if derivation in seen:
            continue
        seen.add(derivation)
        if derivation.fixed is not None or not derivation.mounts:
            found[derivation] = _material(derivation)
        else:
            todo += [output.derivation for output in derivation.inputs]
    return dict(sorted(found.items(), key=lambda it: (it[1].name, tuple(it[1].digest.items()))))


def _material(derivation: Derivation) -> Material:
    if derivation.fixed is None:
        if derivation.builder == "builtin:write-text":
            digest = {"sha256": hashlib.sha256(derivation.env["text"].encode()).hexdigest()}
        else:  # it has no input: its recipe is all there is to it
            digest = {"kernixKey": derivation.key.hex()}
        return Material(name=derivation.name, kind="text", digest=FrozenMap(digest))
    method, value = derivation.fixed.method, derivation.fixed.digest
    if method == "git-patches":
        value = value[len(value) // 2 :]
    digest = {_ALGORITHMS.get(method, "gitCommit"): value}
    if method == "deb":
        return _package(derivation, digest)
    if "urls" in derivation.env:
        uri, kind = without_credentials(json.loads(derivation.env["urls"])[0]), "file"
    elif "url" in derivation.env:
        uri, kind = f"git+{without_credentials(derivation.env['url'])}@{value}", "git"
    else:  # the path is the user's own business
        uri, kind = "", "local"
    return Material(name=derivation.name, kind=kind, digest=FrozenMap(digest), uri=uri)


def _package(derivation: Derivation, digest: dict[str, str]) -> Material:
    """Return a Debian package, named by its file, `NAME_VERSION_ARCHITECTURE.deb`, which has the exact version."""
    path, archive = derivation.env.get("path", ""), derivation.env.get("archive", "")
    file = unquote(path.rpartition("/")[2].removesuffix(".deb"))
    name, version, architecture = (*file.split("_"), "", "")[:3]
    vendor = "ubuntu" if archive.startswith("ubuntu") else "debian"
    return Material(
        name=name or derivation.name,
        kind="deb",
        digest=FrozenMap(digest),
        uri=f"pkg:deb/{vendor}/{quote(name, safe='')}@{quote(version, safe='')}?arch={architecture}",
        version=version,
        place=f"{archive}/{path}",
    )
