"""Tests of derivations.realise.apt.follow: sets of kernels and firmware, with the real apt on an archive made by the test."""

from __future__ import annotations

import shutil

from typing import TYPE_CHECKING

import pytest

from derivations.realise.apt.follow import UnknownPackageVersion
from derivations.realise.apt.lock import UnknownPackage, make_lock
from tests.derivations.realise.apt.small_archive import FOREIGN, NATIVE, Offer


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.derivations.realise.apt.small_archive import Archive


pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="a lock is made by apt")

IMAGE = f"linux-image-{NATIVE}"


def kernel(abi: str, version: str, architecture: str = NATIVE, meta: bool = True) -> Iterator[Offer]:
    """Yield the packages of one kernel, as Debian has them; with *meta* the metapackages, too."""
    release = f"{abi}-{architecture}"
    exactly = f"(= {version})"
    kbuild = f"linux-kbuild-6.1 (>= {version})"
    needed = "kmod, initramfs-tools | linux-initramfs-tool"
    yield Offer(f"linux-image-{release}", version, needed, architecture)
    yield Offer(
        f"linux-headers-{release}", version, f"linux-headers-{abi}-common {exactly}, {kbuild}, gcc-12", architecture
    )
    yield Offer(f"linux-headers-{abi}-common", version, architecture="all")
    yield Offer("linux-source-6.1", version, "xz-utils", "all")
    if meta:
        for what in ("image", "headers"):
            depends = f"linux-{what}-{release} {exactly}"
            yield Offer(f"linux-{what}-{architecture}", version, depends, architecture)


def identities(offers: Iterable[Offer]) -> set[str]:
    """Return the names in a lock of *offers*."""
    return {it.package.identity for it in offers}


def test_a_metapackage_leads_to_the_kernel(archive: Archive, work: Path) -> None:
    """A set is the kernel, its headers and its source; what it is installed with is left out."""
    offers = [*kernel("6.1.0-9", "6.1.90-1"), Offer("linux-kbuild-6.1", "6.1.90-1")]
    archive.offer(*offers, Offer("linux-image-6.1.0-9-other"))
    lock = make_lock([IMAGE], work, options=archive.options)
    assert identities(offers) == set(lock.sets[IMAGE])


def test_a_version(archive: Archive, work: Path) -> None:
    """`NAME=VERSION` is the kernel at that version, with the headers and the source of the same one."""
    old = [*kernel("6.1.0-8", "6.1.80-1")]
    new = [*kernel("6.1.0-9", "6.1.90-1"), Offer("linux-kbuild-6.1", "6.1.90-1")]
    archive.offer(*old, *new)
    name = f"{IMAGE}=6.1.80-1"
    lock = make_lock([name, IMAGE], work, options=archive.options)
    assert identities([*old, new[-1]]) == set(lock.sets[name])
    assert identities(new) == set(lock.sets[IMAGE])


def test_an_unknown_version(archive: Archive, work: Path) -> None:
    """A version that the archives lack is reported with those that they have."""
    archive.offer(*kernel("6.1.0-9", "6.1.90-1"), Offer("linux-kbuild-6.1", "6.1.90-1"))
    with pytest.raises(UnknownPackageVersion) as caught:
        make_lock([f"{IMAGE}=6.1.7-1"], work, options=archive.options)
    assert (caught.value.version, caught.value.known) == ("6.1.7-1", ("6.1.90-1",))


def test_another_architecture(archive: Archive, work: Path) -> None:
    """A kernel for other machines is pinned with their packages, and those that are for all."""
    offers = [*kernel("6.1.0-9", "6.1.90-1", FOREIGN), Offer("linux-kbuild-6.1", "6.1.90-1", architecture=FOREIGN)]
    archive.offer(*offers, Offer("linux-kbuild-6.1", "6.1.90-1"))
    name = f"linux-image-{FOREIGN}"
    lock = make_lock([name], work, options=archive.options)
    assert identities(offers) == set(lock.sets[name])


def test_without_its_source(archive: Archive, work: Path) -> None:
    """A kernel whose source the archives have dropped is pinned without it."""
    offers = [it for it in kernel("6.1.0-9", "6.1.90-1", meta=False) if "source" not in it.name]
    archive.offer(*offers, Offer("linux-kbuild-6.1", "6.1.90-1"), Offer("linux-source-6.1", "6.1.95-1"))
    name = f"linux-image-6.1.0-9-{NATIVE}"
    lock = make_lock([name], work, options=archive.options)
    assert not [it for it in lock.sets[name] if "source" in it]


@pytest.mark.parametrize("missing", ["linux-image-6.1.0-9", "linux-headers-6.1.0-9", "linux-kbuild"])
def test_a_dependency_that_is_missing(archive: Archive, work: Path, missing: str) -> None:
    """An archive caught in the middle of an update, which lacks a part, pins nothing."""
    offers = [*kernel("6.1.0-9", "6.1.90-1"), Offer("linux-kbuild-6.1", "6.1.90-1")]
    archive.offer(*(it for it in offers if not it.name.startswith(missing)))
    with pytest.raises(UnknownPackage) as caught:
        make_lock([IMAGE], work, options=archive.options)
    assert caught.value.name.startswith(missing)


def test_firmware(archive: Archive, work: Path) -> None:
    """A metapackage of firmware brings the firmware that it depends on, and no tools."""
    offers = [
        Offer("firmware-linux", "2-1", "firmware-misc-nonfree (= 2-1), debconf"),
        Offer("firmware-misc-nonfree", "2-1"),
    ]
    archive.offer(*offers, Offer("debconf"))
    lock = make_lock(["firmware-linux"], work, options=archive.options)
    assert identities(offers) == set(lock.sets["firmware-linux"])


def test_firmware_in_a_component_that_apt_does_not_use(archive: Archive, work: Path) -> None:
    """For firmware that the archives lack, the component that most of it is in is named."""
    archive.offer(Offer("firmware-linux-free"))
    with pytest.raises(UnknownPackage) as caught:
        make_lock(["firmware-iwlwifi"], work, options=archive.options)
    assert "non-free-firmware" in (caught.value.hint or "")
