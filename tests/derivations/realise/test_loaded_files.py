"""Tests for derivations.realise.loaded_files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.realise.loaded_files import MissingLibrary, loaded_files
from tests.derivations.image.loadable import loadable


if TYPE_CHECKING:
    from pathlib import Path

LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER = "/lib64/ld-linux-x86-64.so.2"


def tree(root: Path, files: dict[str, bytes]) -> Path:
    """Make *root* with *files*, and `/lib` and `/lib64` merged into `/usr`."""
    for name, data in {f"{LIBRARIES}/ld-2.36.so": loadable(), **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "usr/lib64").mkdir()
    (root / "usr/lib64/ld-linux-x86-64.so.2").symlink_to(f"/{LIBRARIES}/ld-2.36.so")
    for name in ("lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    return root


def test_libraries_bring_theirs(tmp_path: Path) -> None:
    """A program comes with its loader, its libraries, their libraries, and what these open; links are followed."""
    root = tree(tmp_path / "root", {
        "usr/sbin/x": loadable(needed=("liba.so.1", "libc.so.6"), loader=LOADER),
        f"{LIBRARIES}/liba.so.1.2": loadable(needed=("libc.so.6", "libcrypto.so.3"), calls=("pthread_exit",)),
        f"{LIBRARIES}/libc.so.6": loadable(needed=("ld-linux-x86-64.so.2",)),
        f"{LIBRARIES}/libcrypto.so.3": loadable(needed=("libc.so.6",)),
        f"{LIBRARIES}/ossl-modules/legacy.so": loadable(needed=("libold.so.1",)),
        f"{LIBRARIES}/libold.so.1": loadable(),
        f"{LIBRARIES}/libgcc_s.so.1": loadable(),
        f"{LIBRARIES}/libother.so.1": loadable(),
    })  # fmt: skip
    (root / LIBRARIES / "liba.so.1").symlink_to("liba.so.1.2")
    found = loaded_files(root, "sbin/x", root / "usr/sbin/x")
    names = ("liba.so.1", "libc.so.6", "libcrypto.so.3", "libgcc_s.so.1", "libold.so.1", "ossl-modules/legacy.so")
    assert {*found} == {"sbin/x", LOADER.lstrip("/"), *(f"{LIBRARIES}/{it}" for it in names)}
    assert found[LOADER.lstrip("/")] == root / LIBRARIES / "ld-2.36.so"


def test_libraries_of_a_directory_of_its_own(tmp_path: Path) -> None:
    """RUNPATH comes first, with `$ORIGIN`; a library for another machine is passed over."""
    root = tree(tmp_path / "root", {
        "usr/lib/x/x": loadable(needed=("libp.so.1", "libq.so.1"), runpath="$ORIGIN/../private"),
        "usr/lib/private/libp.so.1": loadable(),
        "usr/lib/private/libq.so.1": loadable(wide=False),
        f"{LIBRARIES}/libp.so.1": loadable(),
        f"{LIBRARIES}/libq.so.1": loadable(),
    })  # fmt: skip
    found = loaded_files(root, "usr/lib/x/x", root / "usr/lib/x/x")
    assert {*found} == {"usr/lib/x/x", "usr/lib/private/libp.so.1", f"{LIBRARIES}/libq.so.1"}


@pytest.mark.parametrize(
    ("program", "library"),
    [
        pytest.param(loadable(needed=("libnone.so.1",)), "libnone.so.1", id="loaded"),
        pytest.param(loadable(calls=("pthread_cancel",)), "libgcc_s.so.1", id="opened"),
    ],
)
def test_a_library_that_is_missing(tmp_path: Path, program: bytes, library: str) -> None:
    """What a program cannot do without, loaded or opened, is named."""
    root = tree(tmp_path / "root", {"bin/x": program})
    with pytest.raises(MissingLibrary) as caught:
        loaded_files(root, "bin/x", root / "bin/x")
    assert (caught.value.program, caught.value.library) == ("bin/x", library)


def test_what_is_opened_may_be_missing(tmp_path: Path) -> None:
    """What is opened for one feature or another is left out where the tree does not have it; so is a script's."""
    root = tree(
        tmp_path / "root", {"bin/x": loadable(opened=("libnone.so.1",), calls=("getpwnam",)), "bin/y": b"#!/bin/sh\n"}
    )
    assert {*loaded_files(root, "bin/x", root / "bin/x")} == {"bin/x"}
    assert {*loaded_files(root, "bin/y", root / "bin/y")} == {"bin/y"}
