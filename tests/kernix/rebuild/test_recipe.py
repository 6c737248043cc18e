"""What differs in two recipes themselves."""

from __future__ import annotations

import attrs
import pytest

from derivations.derivation import Derivation
from kernix.rebuild.recipe import parts, same


RECIPE = Derivation(
    name="linux-6.12",
    system="x86_64-linux",
    builder="/bin/sh",
    args=["-c", "one\ntwo\nthree\n", "build", "6.12.1", "bzImage", "ARCH=x86_64", "KCFLAGS=-O2", "KCFLAGS=-g", "W=1"],
    env={"TZ": "UTC", "LC_ALL": "C"},
)

CASES = {
    "release": (("6.12.1", "6.12.1-mine"), [("flags", "release", "6.12.1", "6.12.1-mine")]),
    "flag": (("W=1", "W=2"), [("flags", "W", "1", "2")]),
    "repeated-flag": (("KCFLAGS=-g", "KCFLAGS=-g3"), [("flags", "KCFLAGS", "-O2 -g", "-O2 -g3")]),
    "word": (("W=1", "modules"), [("flags", "W", "1", None), ("flags", "argument", None, "modules")]),
    "script": (("one\ntwo\nthree\n", "one\n2\nthree\n"), [("script", "line 2", "two", "2")]),
    "order": (("ARCH=x86_64", "ARCH=x86_64"), []),
}


def _found(old: Derivation, new: Derivation) -> list[tuple[str, str, str | None, str | None]]:
    return [(part.kind, it.what, it.old, it.new) for part in parts(old, new) for it in part.changes]


@pytest.mark.parametrize(("replaced", "expected"), CASES.values(), ids=CASES)
def test_arguments(replaced: tuple[str, str], expected: list[tuple[str, str, str, str]]) -> None:
    """Scripts are compared by lines, make's variables by name, other words by position."""
    new = attrs.evolve(RECIPE, args=[replaced[1] if it == replaced[0] else it for it in RECIPE.args])
    assert expected == _found(RECIPE, new)


def test_the_order_of_flags() -> None:
    """If only the order of flags differs, that is what differs."""
    *first, last = RECIPE.args[5:]
    new = attrs.evolve(RECIPE, args=[*RECIPE.args[:5], last, *first])
    (found,) = _found(RECIPE, new)
    assert ("flags", "order") == found[:2]


def test_environment_and_attributes() -> None:
    """Variables are compared by name; name, system, builder and outputs as they are."""
    new = attrs.evolve(RECIPE, name="linux-6.13", env={"TZ": "CET", "A": "b"}, outputs=["out", "dev"])
    assert [
        ("attributes", "name", "linux-6.12", "linux-6.13"),
        ("attributes", "outputs", "out", "out dev"),
        ("environment", "A", None, "b"),
        ("environment", "LC_ALL", "C", None),
        ("environment", "TZ", "UTC", "CET"),
    ] == _found(RECIPE, new)
    assert ["script", "flags"] == same(RECIPE, new)
