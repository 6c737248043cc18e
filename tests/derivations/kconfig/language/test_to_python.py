"""Fragments as Python: source that evaluates to an equal fragment."""

from __future__ import annotations

import ast

import pytest

from hypothesis import given

import derivations

from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.text import read
from derivations.kconfig.language.to_python import names_in, to_python
from derivations.kconfig.language.values import (
    MODULE,
    NO,
    UNSET,
    YES,
    Asked,
    Hex,
    default,
    force,
    optional,
    when_arch,
    when_at_least,
    when_between,
    when_older,
)
from tests import strategies


def evaluated(source: str) -> dict[str, Asked]:
    """Return the value of *source*, evaluated with only the names that it needs according to `names_in`."""
    names = {name: getattr(derivations, name) for name in names_in(source)}
    found: dict[str, Asked] = eval(source, {"__builtins__": {}, **names})  # noqa: S307 -- what it is for
    return found


@given(strategies.fragments)
def test_round_trip(fragment: Fragment) -> None:
    """The source of a fragment evaluates to an equal one, and is stable."""
    source = to_python(fragment)
    again = Fragment(fragment.name, evaluated(source))

    assert fragment == again
    assert source == to_python(again)


@pytest.mark.parametrize(
    ("value", "source"),
    [
        pytest.param(YES, "YES", id="yes"),
        pytest.param(MODULE, "MODULE", id="module"),
        pytest.param(NO, "NO", id="no"),
        pytest.param(UNSET, "UNSET", id="unset"),
        pytest.param(17, "17", id="number"),
        pytest.param(-1, "-1", id="negative"),
        pytest.param(Hex(0x1000), "Hex(0x1000)", id="hexadecimal"),
        pytest.param('a "b" \\ ü', '"a \\"b\\" \\\\ ü"', id="text"),
        pytest.param(optional(YES), "optional(YES)", id="optional"),
        pytest.param(force(optional(NO)), "force(optional(NO))", id="forced-optional"),
        pytest.param(default(1), "default(1)", id="default"),
        pytest.param(when_at_least("6.7.0", YES), 'when_at_least("6.7", YES)', id="since"),
        pytest.param(when_older("6.7-rc2", YES), 'when_older("6.7-rc2", YES)', id="before"),
        pytest.param(
            when_arch("x86", when_between("5.10", "6.1.5", force(NO))),
            'when_between("5.10", "6.1.5", when_arch(("i386", "x86_64"), force(NO)))',
            id="everything",
        ),
        pytest.param(
            [when_older("6.7", YES), when_at_least("6.7", MODULE)],
            '[when_older("6.7", YES), when_at_least("6.7", MODULE)]',
            id="several",
        ),
    ],
)
def test_forms(value: Asked, source: str) -> None:
    """Each value is written the way people write it."""
    assert to_python(Fragment("a", {"A": value})) == f'{{\n    "A": {source},\n}}'


def test_from_text() -> None:
    """A text becomes an ordered mapping, which the formatter leaves unchanged."""
    source = to_python(read("CONFIG_NET_9P=m\n# CONFIG_FOO is not set\nCONFIG_BITS=17\n", "x.config"))

    assert source == '{\n    "BITS": 17,\n    "FOO": NO,\n    "NET_9P": MODULE,\n}'
    assert isinstance(ast.parse(source, mode="eval").body, ast.Dict)
    assert to_python(Fragment("a", {})) == "{}"


def test_names_to_import() -> None:
    """The names to import are in import order; words inside strings do not count."""
    source = to_python(Fragment("a", {"A": optional(YES), "B": "NO", "C": Hex(1), "D": when_arch("arm64", MODULE)}))

    assert names_in(source) == ["MODULE", "YES", "Hex", "optional", "when_arch"]
