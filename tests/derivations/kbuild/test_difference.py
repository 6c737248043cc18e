"""What differs between two builds."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kbuild.difference import Difference, differing, options_of


LINKS = {
    "scripts/dtc/include-prefixes/arm": "../../../arch/arm/boot/dts",
    "tools/link.h": "../include/a.h",
    "second": "scripts/dtc/include-prefixes",
    "self": "self",
}


@pytest.mark.parametrize(
    ("file", "seen"),
    [
        pytest.param("include/a.h", {"include/a.h", "tools/link.h"}, id="file"),
        pytest.param(
            "arch/arm/boot/dts/x.dts",
            {
                "arch/arm/boot/dts/x.dts",
                "scripts/dtc/include-prefixes/arm/x.dts",
                "second/arm/x.dts",
            },
            id="directory-and-chain",
        ),
        pytest.param("arch/arm/boot/dtsx", {"arch/arm/boot/dtsx"}, id="like-a-directory"),
        pytest.param("self", {"self"}, id="loop"),
    ],
)
@pytest.mark.parametrize("kind", ["added", "removed", "changed"])
def test_through_links(kind: str, file: str, seen: set[str]) -> None:
    """A file differs under each name that links give it, in the same way."""
    found = Difference(**{kind: frozenset({file})}).through(LINKS)

    assert getattr(found, kind) == found.files == frozenset(seen)


def test_without_links() -> None:
    """Options are left as they are, and so is everything without links."""
    difference = Difference(added=frozenset("a"), changed=frozenset("b"), options=frozenset({"SMP"}))

    assert difference.through({}) == difference
    assert difference.files == frozenset("ab")
    assert (bool(difference), bool(Difference())) == (True, False)


def test_options_of_a_configuration() -> None:
    """Options that are on are read as they are written; the others are not there."""
    text = '#\n# CONFIG_SMP is not set\nCONFIG_PM=y\nCONFIG_NAME="a=b"\nCONFIG_N=\n\nother=1\n'

    assert options_of(text) == {"PM": "y", "NAME": '"a=b"', "N": ""}


VALUES = st.dictionaries(st.sampled_from("ABCD"), st.sampled_from("ym"))


@given(VALUES, VALUES)
def test_differing(old: dict[str, str], new: dict[str, str]) -> None:
    """An option differs if its value does, or only one has it."""
    assert differing(old, new) == differing(new, old) == {it for it in "ABCD" if old.get(it) != new.get(it)}
