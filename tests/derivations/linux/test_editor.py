"""The environment of the kernel's own editors."""

from __future__ import annotations

import pytest

from derivations.debian.lock import MissingSet
from derivations.debian.sets import SETS, default_sets
from derivations.linux.editor import SET, editor_root
from derivations.toolchain import gcc_toolchain
from tests.fakes import fake_lock


WITHOUT = sorted(set(SETS) - {SET})


def test_pinning_the_editor_changes_no_build() -> None:
    """A toolchain does not depend on whether the lock pins the editor's packages."""
    with_, without = (gcc_toolchain(lock, "x86_64-linux") for lock in (fake_lock(), fake_lock(WITHOUT)))
    assert without.root.derivation.key == with_.root.derivation.key


def test_the_toolchain_wins() -> None:
    """If both have a file, the editor sees the toolchain's, so that it configures for the compiler of the build."""
    toolchain = gcc_toolchain(fake_lock(), "x86_64-linux")
    root = editor_root(toolchain, fake_lock())
    assert ("last", toolchain.root) == (root.env["conflicts"], root.mounts["/0001"])


def test_a_lock_without_it() -> None:
    """If the lock does not pin ncurses, the hint says how to add it; nothing else needs it."""
    lock = fake_lock(WITHOUT)
    with pytest.raises(MissingSet) as caught:
        editor_root(gcc_toolchain(lock, "x86_64-linux"), lock)
    assert "`kernix lock --add ncurses` adds it and changes nothing else" == caught.value.hint
    assert SET not in default_sets("amd64")
