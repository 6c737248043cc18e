"""Tests of derivations.debian.rootfs."""

from __future__ import annotations

import json

import pytest

from derivations.debian.lock import Lock, MissingPackage, MissingSet
from derivations.debian.rootfs import root_file_system
from derivations.debian.sets import SETS
from derivations.fetch import fetch_deb
from store.gc.retention import Retention
from tests.fakes import fake_lock, fake_package


def test_joins_the_packages() -> None:
    """A root file system consists of the packages of its set, each fetched once."""
    lock = fake_lock()
    root = root_file_system("qemu", lock)
    assert {fetch_deb(package).out for package in lock.set("qemu")} == set(root.inputs)
    assert root.hints.retention is Retention.TOOLCHAIN


def test_has_the_links_of_its_set() -> None:
    """The links that maintainer scripts would make are made."""
    links = json.loads(root_file_system("gcc", fake_lock()).env["links"])
    assert (links["usr/bin/awk"], links["usr/bin/cc"]) == ("mawk", "gcc")


def test_leaves_out_plugins_of_binutils() -> None:
    """The root has neither of Debian's directories for the plugins of binutils."""
    exclude = json.loads(root_file_system("gcc", fake_lock()).env["exclude"])
    assert {"usr/lib/bfd-plugins", "usr/lib/x86_64-linux-gnu/bfd-plugins"} < set(exclude)


def test_same_packages_are_the_same_root() -> None:
    """A root depends only on its own packages, not on the rest of the lock or on mirrors."""
    assert root_file_system("qemu", fake_lock(["qemu"])) == root_file_system("qemu", fake_lock(SETS))


def test_set_is_not_pinned() -> None:
    """A set missing from the lock is an error."""
    with pytest.raises(MissingSet):
        root_file_system("qemu", fake_lock(["gcc"]))


def test_lock_of_an_older_kernix() -> None:
    """A set resolved by an older kernix, which lacks a package, is an error that names both."""
    packages = [fake_package(name) for name in SETS["qemu"].packages if name != "sed"]
    lock = Lock(packages=packages, sets={"qemu": [package.identity for package in packages]})
    with pytest.raises(MissingPackage) as caught:
        root_file_system("qemu", lock)
    assert ("qemu", "sed") == (caught.value.set_name, caught.value.package)
