"""Tests for derivations.image.loads and derivations.image.opened."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.image.loads import loads
from derivations.image.opened import opened_by
from tests.derivations.image.loadable import loadable


WHOLE = loadable(
    needed=("libc.so.6", "liba.so.1"),
    calls=("pthread_exit",),
    loader="/lib/ld.so.1",
    runpath="$ORIGIN/x:/y",
    opened=("libz.so.1",),
)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide", [True, False])
def test_what_a_file_says(wide: bool, order: str) -> None:
    """Loader, libraries, functions, directories and the note are read from files of either size and order."""
    found = loads(
        loadable(
            needed=("libc.so.6", "liba.so.1"), calls=("pthread_exit", "puts"), loader="/lib/ld.so.1", runpath="$ORIGIN/x:/y",
            opened=("libz.so.1",), wide=wide, order=order,
        )
    )  # fmt: skip
    assert found is not None
    assert (found.loader, found.libraries, found.paths) == (
        "/lib/ld.so.1",
        ("libc.so.6", "liba.so.1"),
        ("$ORIGIN/x", "/y"),
    )
    assert ({*found.calls}, found.opened, found.machine[1]) == ({"pthread_exit", "puts"}, ("libz.so.1",), wide)


def test_a_file_that_loads_nothing() -> None:
    """A script is not an ELF file."""
    assert loads(b"#!/bin/sh\n") is None


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_damage(place: int, value: int) -> None:
    """A damaged file is read, or it is not one; never an error."""
    loads(WHOLE[:place] + bytes([value]) + WHOLE[place + 1 :])
    loads(WHOLE[:place])


@pytest.mark.parametrize(
    ("name", "calls", "expected"),
    [
        pytest.param("libargon2.so.1", {"pthread_exit"}, "libgcc_s.so.1", id="threads"),
        pytest.param("libcrypto.so.3", set(), "ossl-modules/*.so", id="openssl"),
        pytest.param("systemd-cryptsetup", set(), "libcryptsetup.so.12", id="systemd"),
        pytest.param("sshd", {"getpwnam"}, "libnss_files.so.2", id="users"),
    ],
)
def test_what_is_opened(name: str, calls: set[str], expected: str) -> None:
    """Each rule holds by the name of a file or by what it calls."""
    assert expected in {it for rule in opened_by(name, calls) for it in (*rule.libraries, *rule.paths)}
    assert not list(opened_by("cat", {"puts"}))
