"""Tests for derivations.realise.sandbox.screen."""

from __future__ import annotations

import re

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.realise.sandbox.screen import Filter


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"text\r\n\ttab \x07\x08 caf\xc3\xa9 \xc2\xa7 \xe2\x80\xa6", id="text"),
        pytest.param(b"\x1b[1;31mred\x1b[0m\x1b[2J\x1b[3;4H\x1b[K\x1b[?25l\x1b[?1049h", id="drawing"),
        pytest.param(b"\x1b(B\x1b)0\x0elqqk\x0f\x1b7\x1b8\x1b=\x1b>\x1bM\x1bc", id="character-sets-and-cursor"),
        pytest.param(b"\xc2\x9b1mbold", id="control-of-eight-bits"),
        pytest.param(b"\x1b[6n\x1b[?2004h", id="line-editors"),
        pytest.param(b"\xff\x80\xe2\xc2\xa7", id="broken-letters"),
    ],
)
def test_what_draws_is_shown(data: bytes) -> None:
    """Text and what draws on the screen pass unchanged."""
    assert data == Filter()(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x1b]0;owned\x07", id="title"),
        pytest.param(b"\x1b]52;c;cm0gLXJm\x1b\\", id="clipboard"),
        pytest.param(b"\x1b]8;;http://x\x07", id="link"),
        pytest.param(b"\x1b]P4ff0000", id="palette-of-the-console"),
        pytest.param(b"\x1b]R", id="its-reset"),
        pytest.param(b"\x1b]Pwned\x07", id="unlike-the-console"),
        pytest.param(b'\x1bP$q"p\x1b\\', id="device-string"),
        pytest.param(b"\x1b_Ga=q\x1b\\", id="application"),
        pytest.param(b"\x1b^private\x1b\\", id="private"),
        pytest.param(b"\x1bXany\x1b\\", id="any"),
        pytest.param(b"\x1bktitle\x1b\\", id="title-of-screen"),
        pytest.param(b"\xc2\x9d0;owned\xc2\x9c", id="eight-bits"),
        pytest.param(b"\x1b[21t", id="report-of-the-title"),
        pytest.param(b"\x1b[8;1;1t", id="size-of-the-window"),
        pytest.param(b"\xc2\x9b21t", id="report-in-eight-bits"),
        pytest.param(b"\x1b]0;a\xc2\xc2\x9c", id="end-after-a-broken-letter"),
        pytest.param(b"\x1b\x1b]0;owned\x07", id="two-escapes"),
        pytest.param(b"\x1b[1\x1b]0;owned\x07", id="in-another-sequence"),
        pytest.param(b"\x1b[" + b"1;" * 500 + b"\x1b]0;owned\x07", id="after-a-long-one"),
    ],
)
def test_what_reaches_beyond_the_screen_is_left_out(data: bytes) -> None:
    """Strings and window commands are left out, in whatever form, and nothing else is."""
    shown = Filter()(b"before" + data + b"after")
    assert shown.startswith(b"before")
    assert shown.endswith(b"after")
    assert not shown.removeprefix(b"before").removesuffix(b"after").strip(b"1;\\\x1b")
    assert b"\x1b]" not in shown


def test_no_end_of_a_string() -> None:
    """As on a terminal, a string that does not end hides what follows until a sequence begins."""
    it = Filter()
    assert (b"a", b"", b"\x1b[0mb") == (it(b"a\x1b]0;x"), it(b"more"), it(b"\x1b[0mb"))


PARTS = [bytes([it]) for it in b"\x1b][PRtm\xc2\x9d\x9c\x9b\x07\x180x\\"]
"""What sequences are made of."""


@given(st.lists(st.sampled_from(PARTS)))
def test_pieces(parts: list[bytes]) -> None:
    """In whatever pieces output comes, the same is shown, and nothing forbidden begins in it, not even across what is left out."""
    whole, piecewise = Filter(), Filter()
    shown = b"".join(piecewise(it) for it in parts)
    assert whole(b"".join(parts)) == shown
    assert [] == [it for it in (b"\x1b]", b"\x1bP", b"\xc2\x9d") if it in shown]
    assert re.search(rb"(\x1b\[|\xc2\x9b)[0x\\]*t", shown) is None
    assert shown == Filter()(shown)
