"""Fragments: requested options, from Python and from text, merged in layers."""

from __future__ import annotations

from typing import Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.frozen_map import FrozenMap
from derivations.kconfig.fragment import Asked, InvalidFragment, Request, line, merge, over, requests, text
from derivations.kconfig.values import MODULE, NO, UNSET, YES, Hex, Value, optional
from tests import strategies


OPTIONS = st.dictionaries(strategies.option_names, strategies.option_values, max_size=8)


@given(OPTIONS)
def test_round_trip(asked: dict[str, Value]) -> None:
    """The text of requests is read as the same requests, and written as the same text."""
    wanted = merge([requests(asked)])
    written = text(wanted)

    assert wanted == requests(written)
    assert written == text(merge([requests(written)]))


@given(st.text(alphabet=st.sampled_from('CONFIG_AXyn=1"\\# \n\r\tis not set\x0c\u2028')))
def test_reading_never_crashes(source: str) -> None:
    """Any text is either requests, or refused with a sentence."""
    try:
        found = requests(source)
    except InvalidFragment:
        return
    assert found == requests(text(merge([found])))


def test_mapping_and_text_say_the_same() -> None:
    """A mapping, with or without CONFIG_, and the text of a `.config` give the same requests."""
    source = (
        "# a comment\nCONFIG_KGDB=y\r\nCONFIG_NET_9P=m\n# CONFIG_FOO is not set\nCONFIG_BAR=n\n\n"
        'CONFIG_LOG_BUF_SHIFT=17   \nCONFIG_START=0x1000\nCONFIG_LOCALVERSION="-x y"\nCONFIG_64BIT=y'
    )
    asked: dict[str, Asked] = {
        "KGDB": YES,
        "CONFIG_NET_9P": MODULE,
        "FOO": NO,
        "BAR": NO,
        "LOG_BUF_SHIFT": 17,
        "START": Hex(0x1000),
        "LOCALVERSION": "-x y",
        "64BIT": YES,
    }

    assert requests(asked) == requests(source)


def test_the_text_is_in_order() -> None:
    """The text of requests is one, in whatever order they were asked for."""
    asked: dict[str, Asked] = {"B": YES, "A": NO, "C": "x"}

    assert text(merge([requests(asked)])) == '# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C="x"\n'
    assert text(merge([requests(dict(reversed(asked.items())))])) == text(merge([requests(asked)]))


def test_lines() -> None:
    """An option that is off is a comment, as in a `.config`."""
    assert line("A", NO) == "# CONFIG_A is not set"
    assert line("A", MODULE) == "CONFIG_A=m"


def test_later_layers_win() -> None:
    """A request of a later layer replaces that of an earlier one, optional or not."""
    merged = merge([requests({"A": YES, "B": YES}), requests({"A": optional(NO)}), requests({"C": 1})])

    assert merged == FrozenMap({"A": Request(NO, optional=True), "B": Request(YES), "C": Request(1)})


def test_unset_takes_back() -> None:
    """UNSET takes a request of a layer below back; a later layer may ask again."""
    assert merge([requests({"A": YES, "B": YES}), requests({"A": UNSET})]) == FrozenMap({"B": Request(YES)})
    assert merge([requests({"A": YES}), requests({"A": UNSET}), requests({"A": NO})]) == FrozenMap({"A": Request(NO)})


def test_over_keeps_what_takes_back() -> None:
    """What is put over requests keeps UNSET, which may still take back what lies below them."""
    assert over({"A": UNSET}, requests({"A": YES, "B": YES})) == FrozenMap({"A": UNSET, "B": Request(YES)})


def test_requests_can_be_asked_again() -> None:
    """A changed copy of what was asked for is understood: functions in `override` return such."""
    asked = requests({"A": optional(YES), "B": UNSET})

    assert requests({**asked, "C": NO}) == FrozenMap({**asked, "C": Request(NO)})


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        pytest.param({"A": True}, "A: True is no value; use YES", id="bool"),
        pytest.param({"A": None}, "A: None is no value", id="none"),
        pytest.param({"A": 1.5}, "A: 1.5 is no value", id="fraction"),
        pytest.param({"A": b"x"}, "A: b'x' is no value", id="bytes"),
        pytest.param({"A": optional(optional(YES))}, "A: Optional(value=YES) is no value", id="optional-twice"),  # type: ignore[arg-type]
        pytest.param({"A": optional(UNSET)}, "A: UNSET is no value", id="optional-unset"),  # type: ignore[arg-type]
        pytest.param({"A": Hex(-1)}, "A: Hex(number=-1) is no hexadecimal number", id="negative-hexadecimal"),
        pytest.param({"A": Hex("1")}, "A: Hex(number='1') is no hexadecimal number", id="hexadecimal-text"),  # type: ignore[arg-type]
        pytest.param({"A": Hex(True)}, "A: Hex(number=True) is no value", id="hexadecimal-bool"),
        pytest.param({"A": 1 << 64}, "A: the number has more than 64 bits", id="large"),
        pytest.param({"A": 10**5000}, "A: the number has more than 64 bits", id="huge"),
        pytest.param({"A": "a\nb"}, "A: 'a\\nb' does not fit in one line of text", id="newline"),
        pytest.param({"A": "a\rb"}, "does not fit in one line of text", id="carriage-return"),
        pytest.param({"A": "a\0b"}, "does not fit in one line of text", id="nul"),
        pytest.param({"A": "\udc80"}, "does not fit in one line of text", id="not-unicode"),
        pytest.param({"A": Request(True)}, "A: True is no value", id="request"),
        pytest.param({3: YES}, "3 is no option name", id="number-as-name"),
        pytest.param({"": YES}, "'' is no option name", id="no-name"),
        pytest.param({"CONFIG_": YES}, "'CONFIG_' is no option name", id="only-the-prefix"),
        pytest.param({"CONFIG_CONFIG_A": YES}, "'CONFIG_CONFIG_A' is no option name", id="prefix-twice"),
        pytest.param({"A B": YES}, "'A B' is no option name", id="space"),
        pytest.param({"A=y": YES}, "'A=y' is no option name", id="equals-sign"),
        pytest.param({"Ä": YES}, "'Ä' is no option name", id="letter"),
        pytest.param({"A\n": YES}, "'A\\n' is no option name", id="newline-in-name"),
        pytest.param({"A": YES, "CONFIG_A": NO}, "A stands twice, with and without CONFIG_", id="twice"),
        pytest.param(None, "None is neither a mapping from options to values nor a text", id="is-none"),
        pytest.param([("A", YES)], "is neither a mapping", id="is-list"),
        pytest.param(3, "3 is neither a mapping", id="is-number"),
    ],
)
def test_what_nobody_can_ask_for(asked: Any, problem: str) -> None:  # noqa: ANN401 -- what a user may write
    """A mapping with what is no option or no value is refused, with the option and the value."""
    with pytest.raises(InvalidFragment) as caught:
        requests(asked)

    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        pytest.param("CONFIG_A=foo", 'a text needs quotation marks: CONFIG_A="foo"', id="no-quotes"),
        pytest.param('CONFIG_A="foo', 'CONFIG_A="\\"foo"', id="quote-not-closed"),
        pytest.param("CONFIG_A=", 'CONFIG_A=""', id="no-value"),
        pytest.param("CONFIG_A=y # why", "a text needs quotation marks", id="comment-behind"),
        pytest.param("CONFIG_A = y", "write `CONFIG_A=y`, or `# CONFIG_A is not set`", id="spaces"),
        pytest.param("# above\n CONFIG_A=y", "write `CONFIG_A=y`", id="indented"),
        pytest.param("A=y", "write `CONFIG_A=y`", id="no-prefix"),
        pytest.param("# CONFIG_A=y", "write `CONFIG_A=y`, or `# CONFIG_A is not set`", id="commented-out"),
        pytest.param("#CONFIG_A is not set", "write `# CONFIG_A is not set`", id="no-space"),
        pytest.param("CONFIG_A is not set", "write `# CONFIG_A is not set`", id="no-number-sign"),
        pytest.param("# CONFIG_A  is not set", "write `# CONFIG_A is not set`", id="two-spaces"),
        pytest.param("# A is not set", "write `# CONFIG_A is not set`", id="no-prefix-off"),
        pytest.param("KGDB y", "'KGDB y' is neither an assignment nor a comment", id="nix"),
        pytest.param("-CONFIG_A", "is neither an assignment nor a comment", id="minus"),
        pytest.param("CONFIG_A=y\nCONFIG_A=n", "line 2: CONFIG_A stands twice", id="twice"),
        pytest.param("CONFIG_CONFIG_A=y", "CONFIG_CONFIG_A: the prefix stands twice", id="prefix-twice"),
        pytest.param("# CONFIG_CONFIG_A is not set", "the prefix stands twice", id="prefix-twice-off"),
        pytest.param("\ufeffCONFIG_A=y", "line 1: a byte-order mark stands before the text", id="byte-order-mark"),
        pytest.param("CONFIG_A=99999999999999999999", "the number has more than 64 bits", id="large"),
        pytest.param('CONFIG_A="a\x0cb"', "does not fit in one line", id="form-feed"),
        pytest.param("\0", "is neither an assignment nor a comment", id="binary"),
    ],
)
def test_lines_that_kconfig_would_drop(source: str, problem: str) -> None:
    """A line that Kconfig would drop or misread without a word is refused, with what to write instead."""
    with pytest.raises(InvalidFragment) as caught:
        requests(source)

    assert problem in str(caught.value)
    assert str(caught.value).startswith("invalid configuration: line ")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("# the driver is not set up here", id="prose"),
        pytest.param("# debugging is not set", id="lower-case"),
        pytest.param("# x = y", id="an-equation"),
        pytest.param("\t# indented", id="indented"),
        pytest.param("#", id="number-sign"),
        pytest.param("\r\n \r\n", id="blank"),
    ],
)
def test_comments(source: str) -> None:
    """Comments that name no option ask for nothing."""
    assert len(requests(source)) == 0


def test_all_problems_at_once() -> None:
    """Every problem is told at once, in order; of very many, the first."""
    with pytest.raises(InvalidFragment) as caught:
        requests("x\nCONFIG_A=y\ny\n")
    assert str(caught.value) == (
        "invalid configuration: line 1: 'x' is neither an assignment nor a comment; "
        "line 3: 'y' is neither an assignment nor a comment"
    )

    with pytest.raises(InvalidFragment) as caught:
        requests("x\n" * 1000)
    assert len(caught.value.problems) == 1000
    assert str(caught.value).endswith("; and 980 more")


def test_a_long_line_is_cut() -> None:
    """A line of a megabyte does not fill the screen."""
    with pytest.raises(InvalidFragment) as caught:
        requests("CONFIG_A=" + "x" * 1_000_000)

    assert len(str(caught.value)) < 500


def test_a_text_may_be_indented_as_a_whole() -> None:
    """What stands in triple quotation marks in a Python file has the file's indentation."""
    expected = {"A": Request(YES), "B": Request(NO)}

    assert expected == dict(
        requests("""
        CONFIG_A=y
        # CONFIG_B is not set
    """)
    )
