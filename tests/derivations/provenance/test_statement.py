"""In-toto statements with SLSA provenance, against what the published specifications demand."""

from __future__ import annotations

import json
import re

from typing import Any

import pytest

from derivations.context import Context, using
from derivations.derivation import Derivation
from derivations.fetch import fetch_deb, fetch_git, fetch_git_patches, fetch_url
from derivations.linux.kernel import Kernel
from derivations.provenance.materials import TREE, materials
from derivations.provenance.statement import statement
from derivations.source import text_file
from kernels import kernel_set
from store.path import StorePath
from tests.fakes import fake_kernel_lock, fake_package


COMMIT = "a" * 40
DIGEST = bytes(range(32))
PATH = StorePath.make(DIGEST, "result")

DEB = fetch_deb(fake_package("g++-12", version="12.2.0-14+deb12u1"))
URL = fetch_url("https://user.example.org/a.tar.xz?token=secret", sha256="1" * 64, name="a.tar.xz")
GIT = fetch_git("https://example.org/linux.git", COMMIT, "linux")
PATCHES = fetch_git_patches("https://example.org/linux.git", "b" * 40, COMMIT, "series.mbox")
TEXT = text_file("script", "echo\n")
ROOT = Derivation(name="root", system="x86_64-linux", builder="builtin:union", mounts={"/deb": DEB.out})
BUILD = Derivation(
    name="result",
    system="x86_64-linux",
    builder="/bin/sh",
    args=["-c", "true"],
    env={"A": "b"},
    mounts={"/": ROOT.out, "/src": URL.out, "/git": GIT.out, "/series": PATCHES.out, "/script": TEXT.out},
    outputs=["out", "dev"],
)


def made(builder: str | None = None, derivation: Derivation = BUILD) -> Any:  # noqa: ANN401 -- JSON
    """Return the statement about *derivation*, as JSON."""
    return json.loads(statement(derivation.out, PATH, DIGEST, {ROOT.out: bytes(32)}, version="1", builder=builder))


def check_descriptor(descriptor: dict[str, Any]) -> None:
    """Check what `spec/v1/resource_descriptor.md` demands."""
    assert descriptor.keys() <= {"name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"}
    assert descriptor.keys() & {"uri", "digest", "content"}
    assert all(isinstance(name, str) and name for name in descriptor["digest"])
    assert all(re.fullmatch("[0-9a-f]+", value) for value in descriptor["digest"].values())
    lengths = {"sha256": 64, "gitCommit": 40, TREE: 64}
    assert all(len(value) == lengths.get(name, len(value)) for name, value in descriptor["digest"].items())


def check_statement(document: dict[str, Any]) -> None:
    """Check what `spec/v1/statement.md` and SLSA's `provenance/v1` demand."""
    assert document.keys() == {"_type", "subject", "predicateType", "predicate"}
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://slsa.dev/provenance/v1"
    assert document["subject"]
    for subject in document["subject"]:
        assert subject["digest"]
        check_descriptor(subject)
    predicate = document["predicate"]
    assert predicate.keys() == {"buildDefinition", "runDetails"}
    definition, run = predicate["buildDefinition"], predicate["runDetails"]
    assert definition.keys() <= {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
    assert definition["externalParameters"]
    assert re.match(r"[a-z]+:\S+$", definition["buildType"])
    assert re.match(r"[a-z]+:\S+$", run["builder"]["id"])
    assert all(isinstance(it, str) for it in run["builder"]["version"].values())
    for dependency in definition["resolvedDependencies"]:
        check_descriptor(dependency)


@pytest.mark.parametrize("derivation", [BUILD, URL, GIT, PATCHES, TEXT, DEB], ids=lambda it: it.name)
def test_specifications(derivation: Derivation) -> None:
    """Statements about builds, downloads and texts are what the specifications demand."""
    check_statement(made(derivation=derivation))


def test_subject() -> None:
    """The subject is the output, by its path and the digest of its tree."""
    assert made()["subject"] == [{"name": str(PATH), "digest": {TREE: DIGEST.hex()}}]


def test_every_material() -> None:
    """Everything from outside is there with its digest, down to the packages; credentials are not."""
    found = {it["name"]: it for it in made()["predicate"]["buildDefinition"]["resolvedDependencies"]}

    assert found.keys() == {"root.out", "g++-12", "a.tar.xz", "linux", "series.mbox", "script"}
    assert found["root.out"]["digest"] == {TREE: bytes(32).hex()}
    assert found["g++-12"]["digest"] == {"sha256": fake_package("g++-12", version="12.2.0-14+deb12u1").sha256}
    assert found["g++-12"]["uri"] == "pkg:deb/debian/g%2B%2B-12@12.2.0-14%2Bdeb12u1?arch=amd64"
    assert found["a.tar.xz"] == {
        "name": "a.tar.xz",
        "digest": {"sha256": "1" * 64},
        "uri": "https://user.example.org/a.tar.xz",
    }
    assert found["linux"]["digest"] == found["series.mbox"]["digest"] == {"gitCommit": COMMIT}
    assert found["linux"]["uri"] == f"git+https://example.org/linux.git@{COMMIT}"


def test_parameters() -> None:
    """The recipe is an external parameter, its key an internal one."""
    definition = made()["predicate"]["buildDefinition"]

    assert definition["externalParameters"]["args"] == ["-c", "true"]
    assert definition["externalParameters"]["mounts"]["/"] == [ROOT.key.hex(), "out"]
    assert definition["internalParameters"]["key"] == BUILD.key.hex()


def test_builder() -> None:
    """The builder is named after the key that signs, if one does."""
    assert made()["predicate"]["runDetails"]["builder"]["id"] == "urn:kernix:builder"
    assert made("me-1")["predicate"]["runDetails"]["builder"]["id"] == "urn:kernix:builder:me-1"


def test_where_it_is_from_does_not_matter() -> None:
    """A download from a mirror has the same statement, but for the mirror's URL."""
    other = fetch_url("https://mirror.example.org/a", sha256="1" * 64, name="a.tar.xz")
    first, second = made(derivation=URL), made(derivation=other)
    for it in (first, second):
        del it["predicate"]["buildDefinition"]["resolvedDependencies"][0]["uri"]

    assert first == second


def test_deterministic() -> None:
    """The same facts give the same bytes, in whatever order the inputs are known."""
    inputs = {ROOT.out: bytes(32), TEXT.out: DIGEST}
    forward, backward = (
        statement(BUILD.out, PATH, DIGEST, dict(it), version="1") for it in (inputs.items(), reversed(inputs.items()))
    )
    assert forward == backward


def test_a_kernel() -> None:
    """A kernel's materials are all packages of its toolchain and the package of its source, each with a SHA-256."""
    lock = fake_kernel_lock()
    with using(Context(lock=lambda: lock)):
        kernel = kernel_set()["linux_micro"]
        assert isinstance(kernel, Kernel)
        found = [it for it in materials([kernel.derivation]).values() if it.kind == "deb"]
    digests = {it.sha256 for it in lock.packages}
    names = {it.name for it in found}

    assert {it.digest["sha256"] for it in found} <= digests
    assert len(found) > 5
    assert any(it.startswith("linux-source") for it in names)
