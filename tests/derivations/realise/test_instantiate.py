"""Tests of derivations.realise.instantiate."""

from __future__ import annotations

import os
import stat

from typing import TYPE_CHECKING

import pytest

from derivations import drv
from derivations.derivation import Derivation
from derivations.realise.instantiate import instantiate
from derivations.source import text_file
from store.gc.retention import Retention


if TYPE_CHECKING:
    from pathlib import Path

    from store.path import StorePath
    from tests.derivations.realise.conftest import Workplace


def derivation(name: str, *inputs: Derivation) -> Derivation:
    """Return a derivation of *inputs*."""
    mounts = {f"/{i}": it.out for i, it in enumerate(inputs)}
    return Derivation(name=name, system="x86_64-linux", builder="/x", mounts=mounts)


def test_round_trip(workplace: Workplace) -> None:
    """A derivation is read back with everything it needs."""
    store = workplace.store
    a = text_file("a", "text")
    b = derivation("b", a)
    c = derivation("c", a, b)

    def load(path: StorePath) -> Derivation:
        return drv.loads(store.path(path).read_bytes(), load)

    paths = instantiate(store, [c])
    assert paths.keys() == {a, b, c}
    assert [str(paths[it]).partition("-")[2] for it in (a, b, c)] == ["a.drv", "b.drv", "c.drv"]
    assert load(paths[c]) == c


def test_references(workplace: Workplace) -> None:
    """A `.drv` object refers to those of its inputs and is retained as a derivation."""
    a, b = derivation("a"), derivation("b")
    c = derivation("c", a, b, a)
    paths = instantiate(workplace.store, [c])
    info = workplace.store.info(paths[c])
    assert set(info.references) == {paths[a], paths[b]}
    assert info.retention is Retention.DERIVATION


@pytest.mark.parametrize("umask", [0o000, 0o027, 0o077])
def test_modes(workplace: Workplace, umask: int) -> None:
    """The mode of a `.drv` object does not depend on the umask."""
    a = derivation("a")
    before = os.umask(umask)
    try:
        paths = instantiate(workplace.store, [a])
    finally:
        os.umask(before)
    assert stat.S_IMODE(workplace.store.path(paths[a]).stat().st_mode) == 0o444


def test_again(workplace: Workplace) -> None:
    """Existing objects are not written again, and another graph shares them."""
    a = derivation("a")
    first = instantiate(workplace.store, [a])
    place: Path = workplace.store.path(first[a])
    inode = place.stat().st_ino
    second = instantiate(workplace.store, [derivation("b", a), a])
    assert first[a] == second[a]
    assert place.stat().st_ino == inode


def test_sound(workplace: Workplace) -> None:
    """Written objects pass `verify`."""
    paths = instantiate(workplace.store, [derivation("a")])
    status = workplace.store.path(next(iter(paths.values()))).stat()
    assert (status.st_mode & 0o7777, status.st_mtime) == (0o444, 1)
