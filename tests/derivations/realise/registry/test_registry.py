"""Closures in registries: pushed, pulled bit for bit, and refused where they are not what they should be."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import time

from typing import TYPE_CHECKING, Any

import pytest
import requests

from derivations.realise.registry.credentials import CredentialsUnreadable
from derivations.realise.registry.errors import (
    LayerRefused,
    NoSuchArtifact,
    NotARegistry,
    NotAuthorised,
    RegistryFailed,
)
from derivations.realise.registry.pull import pull_oci
from derivations.realise.registry.push import push_oci
from derivations.realise.registry.reference import InvalidReference, Reference
from store.exports.oci import MAX_MANIFEST, NotAnArtifact
from store.local import Store
from store.path import StorePath
from store.registration import Entry, ObjectMissing
from store.trees.adopt import adopt
from store.verify import verify
from tests.derivations.realise.registry.fake_registry import BASIC, FakeRegistry
from tests.programs import program
from tests.trees import LARGE, File, Link, read, write


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.trees import Tree


KEY = b"k" * 32
TREE: Tree = {
    b"bin": {b"run": File(b"#!/bin/sh\n", executable=True), b"link": Link(b"../" + b"long/" * 40)},
    b"empty": {},
    b"n" * 200: File(b"a long name"),
    b"\xff\n": File(b"a name that is no text"),
    b"noise": File(bytes(range(256)) * 1000),
    b"many": LARGE,
}


@pytest.fixture
def store(memory: Path) -> Iterator[Store]:
    """Return a store."""
    with Store.open(memory / "home") as opened:
        yield opened


@pytest.fixture
def other(memory: Path) -> Iterator[Store]:
    """Return another machine's store, which is empty."""
    with Store.open(memory / "other") as opened:
        yield opened


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """Return an empty registry that wants no password."""
    with FakeRegistry() as made:
        yield made


@pytest.fixture
def root(store: Store, tmp_path: Path) -> StorePath:
    """Return an object, the result of a key, that refers to another."""
    tree = store.add(write(TREE, tmp_path / "tree"), "tree")
    with store.scratch() as scratch:
        place = scratch / "user"
        place.symlink_to(f"../{tree}/bin")
        content = adopt(place, store.pool)
        path = StorePath.make(content.digest, "user", [tree])
        store.commit([Entry(path=path, place=place, content=content, references=frozenset({tree}))])
    store.record([(KEY, "out", path)])
    return path


def at(registry: FakeRegistry, tag: str = "6.1") -> Reference:
    """Return a reference to *tag* in *registry*."""
    return Reference.parse(f"oci://{registry.host}/some/kernels:{tag}")


def test_round_trip(store: Store, other: Store, root: StorePath, registry: FakeRegistry) -> None:
    """What is pulled is what was pushed, bit for bit, and is believed to be an object, not a result."""
    push_oci(store, [root], at(registry))
    assert pull_oci(other, at(registry)) == [root]
    (tree,) = store.info(root).references
    assert other.info(root).references == (tree,)
    assert read(other.path(tree)) == read(store.path(tree)) == TREE
    assert verify(other, contents=True) == []
    assert other.realised([KEY]) == {}


def test_action_key_is_a_tag(store: Store, other: Store, root: StorePath, registry: FakeRegistry) -> None:
    """An artifact is found by the action key of what it was pushed for."""
    push_oci(store, [root], at(registry))
    assert set(registry.manifests) == {"6.1", KEY.hex()}
    assert pull_oci(other, at(registry, KEY.hex())) == [root]


def test_by_digest(store: Store, other: Store, root: StorePath, registry: FakeRegistry) -> None:
    """A reference by digest gets exactly that manifest, or nothing."""
    push_oci(store, [root], at(registry))
    data = registry.manifests["6.1"]
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    registry.manifests[digest] = data
    reference = Reference.parse(f"oci://{registry.host}/some/kernels@{digest}")
    assert pull_oci(other, reference) == [root]
    registry.manifests[digest] += b" "
    with pytest.raises(RegistryFailed, match="another manifest"):
        pull_oci(other, reference)


def test_again(store: Store, other: Store, root: StorePath, registry: FakeRegistry) -> None:
    """A second push uploads no layer, for they are the same bytes; a second pull fetches none."""
    first = push_oci(store, [root], at(registry))
    registry.requests.clear()
    assert push_oci(store, [root], at(registry, "again")) == first
    assert [it for it in registry.requests if it.startswith("POST")] == []
    pull_oci(other, at(registry))
    registry.requests.clear()
    pull_oci(other, at(registry, "again"))
    assert registry.requests == ["GET /v2/some/kernels/manifests/again"]


def test_manifest(store: Store, root: StorePath, registry: FakeRegistry) -> None:
    """A manifest is an artifact of OCI 1.1 with the empty config, and says what each layer is."""
    push_oci(store, [root], at(registry))
    said = json.loads(registry.manifests["6.1"])
    assert said["artifactType"] == "application/vnd.kernix.closure.v1"
    assert registry.blobs[said["config"]["digest"]] == b"{}"
    assert [it["annotations"]["kernix.path"] for it in said["layers"]] == [
        *map(str, store.info(root).references),
        str(root),
    ]
    assert said["layers"][1]["annotations"]["kernix.action-keys"] == f"{KEY.hex()}.out"


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_password(store: Store, other: Store, root: StorePath, tmp_path: Path, auth: str) -> None:
    """A name and a password are taken from the file of `docker login`, and exchanged for a token where one is wanted."""
    place = tmp_path / "config.json"
    with FakeRegistry(auth) as registry:
        place.write_text(json.dumps({"auths": {registry.host: {"auth": BASIC}}}))
        files = [tmp_path / "none", place]
        push_oci(store, [root], at(registry), credentials=files)
        assert pull_oci(other, at(registry), credentials=files) == [root]
        for wrong in ([], [tmp_path / "none"]):
            with pytest.raises(NotAuthorised):
                pull_oci(other, at(registry, "x"), credentials=wrong)
        place.write_text("{")
        with pytest.raises(CredentialsUnreadable):
            pull_oci(other, at(registry), credentials=files)


def test_cut(store: Store, other: Store, root: StorePath, registry: FakeRegistry) -> None:
    """A download that is cut goes on where it was; one that never gets further ends."""
    push_oci(store, [root], at(registry))
    registry.cut = [1000, 500, 3000]
    assert pull_oci(other, at(registry)) == [root]


def test_always_cut(store: Store, other: Store, root: StorePath, registry: FakeRegistry) -> None:
    """A download that never gets further ends, and registers nothing."""
    push_oci(store, [root], at(registry))
    registry.cut = [0] * 100
    with pytest.raises(RegistryFailed):
        pull_oci(other, at(registry))
    assert other.database.paths() == set()


def _change(registry: FakeRegistry, change: Callable[[Any], object]) -> None:
    said = json.loads(registry.manifests["6.1"])
    change(said)
    registry.manifests["6.1"] = json.dumps(said).encode()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda it: it.pop("artifactType"), NotAnArtifact),
        (lambda it: it.pop("layers"), NotAnArtifact),
        (lambda it: it["layers"].pop(0), NotAnArtifact),
        (lambda it: it["layers"][0].update(size=True), NotAnArtifact),
        (lambda it: it["layers"][0].update(digest="blake3:00"), NotAnArtifact),
        (lambda it: it["layers"][0]["annotations"].update({"kernix.path": "../../etc"}), NotAnArtifact),
        (lambda it: it["layers"][0]["annotations"].update({"kernix.size": "-1"}), NotAnArtifact),
        (lambda it: it["layers"][0]["annotations"].update({"kernix.size": "1000"}), LayerRefused),
        (lambda it: it["layers"][0]["annotations"].update({"kernix.nodes": "3"}), LayerRefused),
        (lambda it: it["layers"][0]["annotations"].update({"kernix.tree": "00" * 32}), LayerRefused),
        (lambda it: it["layers"][1]["annotations"].update({"kernix.references": ""}), LayerRefused),
        (lambda it: it["layers"][0].update(size=it["layers"][0]["size"] - 1), RegistryFailed),
        (lambda it: it["layers"][0].update(size=it["layers"][0]["size"] + 1), LayerRefused),
        (lambda it: it["layers"][0].update(digest=it["config"]["digest"]), LayerRefused),
        (lambda it: it["layers"][0].update(digest="sha256:" + "0" * 64), NoSuchArtifact),
    ],
    ids=[
        "another artifact", "no layers", "a missing reference", "a size that is no number", "another hash", "a path outside",
        "a negative size", "more than announced", "more files than announced", "another tree", "references left out",
        "a layer that is too long", "a layer that is too short", "another blob", "a blob that does not exist",
    ],
)  # fmt: skip
def test_bad_manifest(  # noqa: PLR0917 -- pytest passes them by name
    store: Store,
    other: Store,
    root: StorePath,
    registry: FakeRegistry,
    change: Callable[[Any], object],
    error: type[Exception],
) -> None:  # fmt: skip
    """A manifest that is wrong or lies is refused, and nothing is registered."""
    push_oci(store, [root], at(registry))
    _change(registry, change)
    with pytest.raises(error):
        pull_oci(other, at(registry))
    assert other.database.paths() == set()


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"[]", b"null", b"{}", b"[" * 100_000, b"\xff", b"x" * (MAX_MANIFEST + 1)]
)
def test_garbage(other: Store, registry: FakeRegistry, data: bytes) -> None:
    """Anything else than a manifest is refused."""
    registry.manifests["6.1"] = data
    with pytest.raises((NotAnArtifact, RegistryFailed)):
        pull_oci(other, at(registry))


def test_unknown_tag(other: Store, registry: FakeRegistry) -> None:
    """A tag that does not exist is reported."""
    with pytest.raises(NoSuchArtifact):
        pull_oci(other, at(registry, "none"))


def test_not_a_registry(store: Store, other: Store, root: StorePath, registry: FakeRegistry) -> None:
    """A server that is no registry, or no server at all, is reported."""
    closed = Reference.parse("oci://127.0.0.1:1/some/kernels:6.1")
    for act in (lambda it: pull_oci(other, it), lambda it: push_oci(store, [root], it)):
        with pytest.raises(RegistryFailed):
            act(closed)
    with pytest.raises(NotARegistry):
        push_oci(store, [root], Reference.parse(f"oci://{registry.host}/other/name"))


HOSTILE: dict[str, list[tuple[str, bytes, str]]] = {
    "outside": [("../../etc/passwd", tarfile.REGTYPE, "")],
    "absolute": [("/etc/passwd", tarfile.REGTYPE, "")],
    "dots": [("@/..", tarfile.DIRTYPE, "")],
    "dots inside": [("@/a/../../b", tarfile.REGTYPE, "")],
    "another object": [("@x/file", tarfile.REGTYPE, "")],
    "a device": [("@/null", tarfile.CHRTYPE, "")],
    "a fifo": [("@/pipe", tarfile.FIFOTYPE, "")],
    "a hard link": [("@/a", tarfile.REGTYPE, ""), ("@/b", tarfile.LNKTYPE, "@/a")],
    "through a link": [("@/a", tarfile.SYMTYPE, "/etc"), ("@/a/passwd", tarfile.REGTYPE, "")],
    "twice": [("@/a", tarfile.REGTYPE, ""), ("@/a", tarfile.REGTYPE, "")],
    "another content": [("@/a", tarfile.REGTYPE, "")],
}


@pytest.mark.parametrize("case", [*HOSTILE, "garbage", "a bomb after the end", "truncated"])
def test_hostile_layer(store: Store, other: Store, root: StorePath, registry: FakeRegistry, case: str) -> None:
    """A hostile layer, whose SHA-256 the manifest confirms, is refused with its name; nothing is registered."""
    layers = push_oci(store, [root], at(registry))
    name = str(layers[0].path)
    raw = zstd.decompress(registry.blobs[layers[0].digest])
    if case in HOSTILE:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            for path, kind, target in HOSTILE[case]:
                member = tarfile.TarInfo(path.replace("@", name))
                member.type, member.linkname = kind, target.replace("@", name)
                archive.addfile(member)
        raw = file.getvalue()
    elif case == "a bomb after the end":
        raw += bytes(100 << 20)
    elif case == "truncated":
        raw = raw[:100_000]
    data = zstd.compress(raw) if case != "garbage" else b"garbage"
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    registry.blobs[digest] = data
    _change(registry, lambda it: it["layers"][0].update(digest=digest, size=len(data)))
    with pytest.raises(LayerRefused) as refused:
        pull_oci(other, at(registry))
    assert refused.value.path == name
    assert other.database.paths() == set()


@pytest.mark.parametrize(
    "text",
    ["", "oci://", "oci://host", "oci://host/", "oci://host/Name", "oci://host/a:", "oci://host/a:-", "oci://host/../a",
     "oci://host:x/a", "oci://host/a@sha256:0", "docker://host/a", "oci://user@host/a", "oci://host/a\n", "oci://h/" + "a" * 256],
)  # fmt: skip
def test_bad_reference(text: str) -> None:
    """A text that is no reference is refused."""
    with pytest.raises(InvalidReference):
        Reference.parse(text)


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("oci://127.0.0.1:5000/a/b:t", "http://127.0.0.1:5000/v2/a/b"),
        ("oci://[::1]:5000/a", "http://[::1]:5000/v2/a"),
        ("oci://localhost/a", "http://localhost/v2/a"),
        ("oci://mirror.example/a", "https://mirror.example/v2/a"),
        ("oci+http://mirror.example:80/a", "http://mirror.example:80/v2/a"),
    ],
)
def test_transport(text: str, base: str) -> None:
    """Only this machine is spoken to without TLS, unless that is asked for."""
    assert Reference.parse(text).base == base
    assert Reference.parse(str(Reference.parse(text))) == Reference.parse(text)


def test_missing_object(store: Store, registry: FakeRegistry) -> None:
    """An object that is not in the store cannot be pushed."""
    with pytest.raises(ObjectMissing):
        push_oci(store, [StorePath("0" * 32, "none")], at(registry))


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[str]:
    """Return the host of Debian's docker-registry; skip where that is not installed, since its package starts a service."""
    found = shutil.which("docker-registry")
    if found is None or shutil.which("skopeo") is None:
        pytest.skip("needs docker-registry and skopeo: `sh setup.sh ci` installs them")
    with FakeRegistry() as probe:  # for a free port
        host = probe.host
    config = tmp_path / "registry.yml"
    storage = f"storage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}}}"
    config.write_text(f"version: 0.1\n{storage}\nhttp: {{addr: '{host}'}}\n")
    with subprocess.Popen([found, "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(200):
                try:
                    requests.get(f"http://{host}/v2/", timeout=5)
                    break
                except requests.ConnectionError:
                    time.sleep(0.1)
            yield host
        finally:
            server.terminate()


def test_debians_registry(store: Store, other: Store, root: StorePath, debian: str, tmp_path: Path) -> None:
    """Debian's registry takes a closure, skopeo copies it, and what comes back is the same."""
    layers = push_oci(store, [root], Reference.parse(f"oci://{debian}/some/kernels:6.1"))
    options = ["--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"]
    subprocess.run(
        [program("skopeo"), *options, f"docker://{debian}/some/kernels:6.1", f"docker://{debian}/copy:6.1"],
        check=True, capture_output=True, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert pull_oci(other, Reference.parse(f"oci://{debian}/copy:6.1")) == [root]
    assert {str(it.path): read(store.path(it.path)) for it in layers} == {
        str(it.path): read(other.path(it.path)) for it in layers
    }
