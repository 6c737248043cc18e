"""The page about two configurations."""

from __future__ import annotations

import re

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from derivations.frozen_map import FrozenMap
from derivations.kconfig.comparison.difference import difference
from derivations.kconfig.comparison.side import Side
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.values import YES
from derivations.kconfig.symbols.expression import Const, Ref
from derivations.kconfig.symbols.model import Default, Model, Prompt, Symbol
from derivations.kconfig.symbols.values_table import Values
from kernix.pages.difference import difference_page
from kernix.pages.markup import Markup, element


if TYPE_CHECKING:
    from collections.abc import Mapping


VOID = {"input", "meta"}

EVIL = """<script>alert("1")</script>'&amp;"""


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the closed element was opened last."""
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        """Record a visible text."""
        if self.open[-1:] not in (["style"], ["script"]):
            self.words.append(data)


def read(page: str) -> Reader:
    """Parse *page*."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert [] == reader.open
    return reader


def configuration(name: str, values: Mapping[str, str], prompt: str, requests: Mapping[str, Request]) -> Side:
    """Return a configuration of a Kconfig of two options."""
    symbols = {
        "NET": Symbol(name="NET", type="bool", prompts=(Prompt(prompt, menus=("Networking", prompt)),)),
        "INET": Symbol(name="INET", type="bool", depends=Ref("NET"), defaults=(Default(Const("y")),)),
    }
    lines = {it: f"2 1 {values.get(it, 'n')}" for it in (*symbols, "NAME")}
    model = Model(symbols, arch="x86_64", srcarch="x86", version="6.12.1")
    return Side(name=name, values=Values(lines), model=model, version="6.12.1", requests=requests)


def page(prompt: str = "Networking support", name: str = "mine", fragment: str = "mine") -> str:
    """Return the page about a kernel that requests NET."""
    asked = FrozenMap({"NET": Request(YES, origin=Origin(fragment, "mine.py:5"))})
    old = configuration("linux_micro", {}, prompt, FrozenMap())
    new = configuration(name, {"NET": "y", "INET": "y", "NAME": f'"{prompt}'}, prompt, asked)
    return difference_page(difference(old, new))


def test_every_change_is_shown() -> None:
    """Each view shows each option with both values, its prompt, its cause and its place."""
    reader = read(page())
    for word in ("NET", "INET", "Networking support", "mine.py:5", "1 follow"):
        assert word in reader.words
    assert 2 == reader.words.count("INET")


def test_followers_are_inside() -> None:
    """An option is inside the option that caused it."""
    by_cause = page().split("<section")[1]
    assert re.search(r"<details class=\"row hang\"[^>]*>(?:(?!</details>).)*>NET<(?:(?!</details>).)*>INET<", by_cause)


@pytest.mark.parametrize("place", ["prompt", "name", "fragment"])
def test_texts_are_no_markup(place: str) -> None:
    """Text from a Kconfig file or a name is shown unchanged, and never becomes an element."""
    html = page(**{place: EVIL})
    reader = read(html)
    assert any(EVIL in word for word in reader.words)
    assert EVIL not in html
    assert 1 == len([tag for tag, _ in reader.elements if tag == "script"])


def test_a_page_asks_for_nothing() -> None:
    """A page names no other file or host, and its policy forbids loading any."""
    html = page()
    reader = read(html)
    assert not re.findall(r"https?:|//[a-z]|url\(|@import|\bsrc=|\bhref=", html)
    (policy,) = [it["content"] for _, it in reader.elements if it.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'" == policy


def test_every_row_can_be_filtered() -> None:
    """A row has the words for the filter in lower case."""
    words = [it["data-words"] or "" for _, it in read(page()).elements if "data-words" in it]
    assert any(it.startswith("net networking support ") and it.endswith("mine mine.py:5 n → y") for it in words)


def test_light_and_dark() -> None:
    """The page follows the reader's choice."""
    assert {"color-scheme: light dark", "(prefers-color-scheme: dark)"} <= set(
        re.findall(r"color-scheme: light dark|\(prefers-color-scheme: dark\)", page())
    )


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(element("p", "<&>"), "<p>&lt;&amp;&gt;</p>", id="text"),
        pytest.param(element("p", Markup("<b>")), "<p><b></p>", id="markup"),
        pytest.param(element("a", class_='"', data_x="y"), '<a class="&quot;" data-x="y"></a>', id="attributes"),
        pytest.param(element("input", disabled=True, hidden=False), "<input disabled>", id="void"),
    ],
)
def test_elements(made: str, expected: str) -> None:
    """Texts and attributes are escaped; True is an attribute without a value, False is omitted."""
    assert expected == made
