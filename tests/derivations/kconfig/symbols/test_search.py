"""Searching options by a pattern."""

from __future__ import annotations

import pytest

from derivations.kconfig.symbols.search import InvalidPattern, search
from tests.small_kconfig import Resolver, model, option


OPTIONS = model(
    [
        option("NET", prompt="Networking support", file="net/Kconfig"),
        option("NETDEVICES", prompt="Network devices"),
        option("INET", prompt="TCP/IP networking"),
        option("USB", prompt="Universal Serial Bus"),
        option("HAS_NET"),
    ]
)


def found(pattern: str, *, prompts: bool = False) -> list[str]:
    """Return the names of the options that *pattern* finds."""
    return [it.option for it in search(pattern, OPTIONS, Resolver(OPTIONS)(""), prompts=prompts)]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        pytest.param("net", ["NET", "HAS_NET", "INET", "NETDEVICES"], id="the-name-itself-first"),
        pytest.param("^NET", ["NET", "NETDEVICES"], id="regular-expression"),
        pytest.param("CONFIG_USB", ["USB"], id="with-prefix"),
        pytest.param("serial", [], id="names-only"),
    ],
)
def test_names(pattern: str, names: list[str]) -> None:
    """A regular expression matches parts of names, ignoring case."""
    assert names == found(pattern)


def test_prompts() -> None:
    """Prompts are searched on request."""
    assert ["USB"] == found("serial bus", prompts=True)


def test_hits() -> None:
    """A hit has value, prompt, menu and place."""
    (hit,) = search("^NET$", OPTIONS, Resolver(OPTIONS)("CONFIG_NET=y\n"))

    assert "NET [=y]  Networking support  net/Kconfig:1" == str(hit)
    assert ("Options",) == hit.to_json()["menu"]


def test_an_invalid_pattern() -> None:
    """An invalid regular expression is an error with the reason."""
    with pytest.raises(InvalidPattern, match=r"'\(' is not a regular expression: missing \), unterminated subpattern"):
        found("(")
