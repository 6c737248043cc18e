"""The text of a `.config`: parsed, and with requests on top."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from derivations.kconfig.language.fragment import Request
from derivations.kconfig.language.text import write
from derivations.kconfig.language.values import MODULE, NO, YES, Hex, Value
from derivations.kconfig.symbols.dotconfig import compose, parse
from derivations.kconfig.symbols.model import Choice
from tests import strategies
from tests.small_kconfig import model, option


DOTCONFIG = """\
#
# Automatically generated file; DO NOT EDIT.
# Linux/x86 6.12.43 Kernel Configuration
#
CONFIG_CC_VERSION_TEXT="gcc (Debian 12.2.0-14+deb12u1) 12.2.0"
CONFIG_64BIT=y
CONFIG_NET_9P=m
# CONFIG_KGDB is not set
CONFIG_LOG_BUF_SHIFT=17
CONFIG_PHYSICAL_START=0x1000000
CONFIG_VERBATIM=1000000
CONFIG_BARE_HEX=ff
CONFIG_NOTHING=
CONFIG_SEPARATOR="a\u2028b"
# end of something
"""

OPTIONS = model(
    [option("A"), option("AB"), option("ONE", choice="@1"), option("TWO", choice="@1")],
    [Choice(id="@1", prompt="", members=("ONE", "TWO"))],
)


def test_parse() -> None:
    """A `.config` is read as Kconfig writes it, whatever follows the equals sign."""
    assert parse(DOTCONFIG) == {
        "CC_VERSION_TEXT": "gcc (Debian 12.2.0-14+deb12u1) 12.2.0",
        "64BIT": YES,
        "NET_9P": MODULE,
        "KGDB": NO,
        "LOG_BUF_SHIFT": 17,
        "PHYSICAL_START": Hex(0x1000000),
        "VERBATIM": 1000000,
        "BARE_HEX": "ff",
        "NOTHING": "",
        "SEPARATOR": "a\u2028b",
    }


@given(st.dictionaries(strategies.option_names, strategies.option_values, max_size=8))
def test_round_trip(asked: dict[str, Value]) -> None:
    """Written requests are read back as their values."""
    assert parse(write({name: Request(value) for name, value in asked.items()})) == asked


def test_requests_replace_lines() -> None:
    """A requested option's line is removed, all others stay, and requests follow in order."""
    base = '# about A\nCONFIG_A=y\n# CONFIG_AB is not set\nCONFIG_NAME="CONFIG_A=y"\n'

    assert '# about A\nCONFIG_NAME="CONFIG_A=y"\n# CONFIG_A is not set\nCONFIG_AB=y\n' == compose(
        base, {"AB": YES, "A": NO}, OPTIONS
    )


def test_a_member_replaces_another() -> None:
    """The base's member of a choice is removed if another one is requested, not if one is requested off."""
    assert "CONFIG_TWO=y\n" == compose("CONFIG_ONE=y\n", {"TWO": YES}, OPTIONS)
    assert "CONFIG_ONE=y\n# CONFIG_TWO is not set\n" == compose("CONFIG_ONE=y\n", {"TWO": NO}, OPTIONS)


def test_unknown_options() -> None:
    """A request for an unknown option is written, too."""
    assert "CONFIG_NOWHERE=y\n" == compose("", {"NOWHERE": YES}, OPTIONS)
