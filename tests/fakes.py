"""Small working fakes that several tests share."""

from __future__ import annotations

import hashlib

from typing import TYPE_CHECKING

import attrs

from derivations.context import Context
from derivations.debian.lock import Lock, Package
from derivations.debian.sets import SETS
from store.path import StorePath


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.derivation import Derivation


VERSIONS = {"linux-source-6.1": "6.1.158-1", "linux-source-6.12": "6.12.43-1~bpo12+1"}
"""The versions of fake packages, if not 1.0-1."""


def fake_package(name: str, architecture: str = "amd64", version: str | None = None) -> Package:
    """Return a fake package."""
    version = version or VERSIONS.get(name, "1.0-1")
    return Package(
        name=name,
        version=version,
        architecture=architecture,
        path=f"pool/main/{name[0]}/{name}/{name}_{version}_{architecture}.deb",
        archive="debian",
        size=len(name),
        sha256=hashlib.sha256(f"{name} {version} {architecture}".encode()).hexdigest(),
    )


def fake_lock(sets: Iterable[str] = SETS) -> Lock:
    """Return a lock of fake packages with the packages of the *sets*, by default all."""
    packages = {
        name: [fake_package(it, SETS[name].architecture or "amd64") for it in sorted(set(SETS[name].packages))]
        for name in sets
    }
    return Lock(
        packages=[package for members in packages.values() for package in members],
        sets={name: [package.identity for package in members] for name, members in packages.items()},
    )


def fake_context(system: str = "x86_64-linux") -> Context:
    """Return a context with the lock of `fake_lock`."""
    lock = fake_lock()
    return Context(lock=lambda: lock, system=system)


def no_context() -> Context:
    """Return a context whose lock must not be read."""

    def lock() -> Lock:
        msg = "the lock was asked for"
        raise AssertionError(msg)

    return Context(lock=lock)


def path_of(derivation: Derivation) -> StorePath:
    """Return a path for *derivation*'s text without a store, from its key instead of its content."""
    return StorePath.make(derivation.key, f"{derivation.name}.drv")


def fake_kernel_lock(
    name: str = "linux-image-cloud-amd64",
    release: str = "6.1.0-9-cloud-amd64",
    version: str = "6.1.158-1",
    architecture: str = "amd64",
) -> Lock:
    """Return the lock of `fake_lock` with a compiled kernel in the set *name*."""
    abi = "-".join(release.split("-")[:2])
    meta = name.partition("=")[0].removeprefix("linux-image-")
    members = [
        attrs.evolve(fake_package(f"linux-image-{release}", architecture, version), size=9_000_000),
        fake_package(f"linux-headers-{release}", architecture, version),
        fake_package(f"linux-headers-{abi}-common", "all", version),
        fake_package("linux-kbuild-6.1", architecture, version),
        fake_package("linux-source-6.1", "all", version),
    ]
    if meta != release:
        members += [fake_package(f"linux-{it}-{meta}", architecture, version) for it in ("image", "headers")]
    fixed = fake_lock()
    own = fake_package("linux-kbuild-6.1", "amd64", version)
    return Lock(
        packages=[*fixed.packages, *members, own],
        sets={**fixed.sets, name: [it.identity for it in members], own.name: [own.identity]},
    )


def with_set(lock: Lock, name: str, *packages: Package) -> Lock:
    """Return *lock* with the set *name* of *packages*."""
    return attrs.evolve(
        lock, packages=[*lock.packages, *packages], sets={**lock.sets, name: [it.identity for it in packages]}
    )
