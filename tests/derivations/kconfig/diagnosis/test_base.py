"""The base file of a kernel: the lines that do not hold, which Kconfig never reports."""

from __future__ import annotations

import gzip

import pytest

from derivations.kconfig.diagnosis.base import CompressedBase, Missed, missed, read_base
from derivations.kconfig.language.header import ForeignConfig
from derivations.kconfig.language.values import NO, YES, Hex, Value
from derivations.kconfig.symbols.dotconfig import compose
from derivations.kconfig.symbols.model import Choice
from tests.small_kconfig import Resolver, merged, model, option


OPTIONS = model(
    [
        option("NET", prompt="Net"),
        option("INET", prompt="Inet", depends="NET"),
        option("EXPERT", prompt="Expert"),
        option("RING", prompt="Ring", prompt_if="EXPERT", defaults=[("y", "y")]),
        option("SHIFT", "int", prompt="Shift", defaults=[("17", "y")], ranges=[("12", "25", "y")]),
        option("NAME", "string", prompt="Name"),
        option("START", "hex", prompt="Start", defaults=[("0x1000", "y")]),
        option("VERSION", "int", defaults=[("12", "y")]),
        option("SLOW", prompt="Slow", choice="@1"),
        option("FAST", prompt="Fast", choice="@1"),
    ],
    [Choice(id="@1", prompt="Speed", members=("SLOW", "FAST"))],
)
WHOLE = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.12.1 Kernel Configuration\n#\n"


def of(text: str, requests: dict[str, Value] | None = None) -> Missed:
    """Return the lines of the base *text* that do not hold, with *requests* on top."""
    asked = requests or {}
    values = Resolver(OPTIONS)(compose(text, asked, OPTIONS))
    return missed(read_base(text.encode(), "x.config", OPTIONS), merged(asked), OPTIONS, values)


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        pytest.param("CONFIG_NET=y", None, id="holds"),
        pytest.param("# CONFIG_NET is not set", None, id="off"),
        pytest.param("# CONFIG_GONE is not set", None, id="unknown-but-off"),
        pytest.param("CONFIG_START=0x1000", None, id="hexadecimal"),
        pytest.param("CONFIG_START=1000", None, id="hexadecimal-as-kconfig-keeps-it"),
        pytest.param("CONFIG_NET=y\r", None, id="windows"),
        pytest.param("# CONFIG_INET is set elsewhere", None, id="comment"),
        pytest.param("CONFIG_GONE=y", "unknown", id="unknown"),
        pytest.param("CONFIG_SHIFT=99", "clamped", id="clamped"),
        pytest.param("CONFIG_INET=y", "blocked", id="blocked"),
        pytest.param("# CONFIG_RING is not set", "blocked", id="prompt-that-is-not-shown"),
        pytest.param("CONFIG_NET=m", "invalid", id="m-for-a-bool"),
        pytest.param("CONFIG_VERSION=11", "blocked", id="no-prompt"),
        pytest.param("CONFIG_NAME=foo", "unread", id="no-quotation-marks"),
        pytest.param("CONFIG_SHIFT = 18", "unread", id="blanks"),
        pytest.param("CONFIG_NET", "unread", id="bare"),
        pytest.param("# CONFIG_NET is not set any more", "unread", id="words-behind"),
        pytest.param("NET=y", "unread", id="no-prefix"),
    ],
)
def test_lines(line: str, outcome: str | None) -> None:
    """Exactly the lines that do not hold are listed, with their places."""
    found = of(f"# a comment\n{line}\n")
    outcomes = [it.outcome.value for it in found.diagnoses] + [
        "unread" for it in found.base.unread if it.startswith("line 2: ")
    ]

    assert ([] if outcome is None else [outcome], found.count) == (outcomes, len(outcomes))
    assert all(str(it.request.origin) == "x.config:2" for it in found.diagnoses)


def test_of_two_lines_the_last_wins() -> None:
    """As in Kconfig, the last line of an option wins."""
    base = read_base(b"CONFIG_SHIFT=99\nCONFIG_SHIFT=18\n", "x", OPTIONS)

    assert [("SHIFT", 18)] == [(name, it.value) for name, it in base.requests.items()]
    assert Hex(0x1000) == read_base(b"CONFIG_START=1000\n", "x", OPTIONS).requests["START"].value


def test_what_requests_override_is_not_listed() -> None:
    """Lines that requests override, directly or not, are counted but not listed."""
    base = "CONFIG_NET=y\nCONFIG_INET=y\nCONFIG_SLOW=y\n"

    assert 0 == of(base).count
    assert ((), 1) == (of(base, {"NET": NO}).diagnoses, of(base, {"NET": NO}).overridden)
    assert ((), 1) == (of(base, {"FAST": YES}).diagnoses, of(base, {"FAST": YES}).overridden)


def test_computed_values_are_not_requests() -> None:
    """In a whole `.config`, options without a prompt may differ or be missing."""
    lines = "CONFIG_VERSION=11\nCONFIG_HAVE_NOTHING=y\nCONFIG_OLD_VERSION=3\n"

    assert 3 == of(lines).count
    assert 0 == of(WHOLE + lines).count
    assert ["GONE"] == [it.option for it in of(f"{WHOLE}{lines}CONFIG_GONE=y\n").diagnoses]


def test_what_cannot_be_a_base() -> None:
    """A file for another architecture and a compressed one are refused."""
    with pytest.raises(ForeignConfig):
        read_base(WHOLE.replace("x86", "arm64").encode(), "x", OPTIONS)
    with pytest.raises(CompressedBase):
        read_base(gzip.compress(b"CONFIG_NET=y\n"), "x", OPTIONS)
