"""Did you mean."""

from __future__ import annotations

import pytest

from derivations.suggest import suggestion


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        pytest.param("linux_6_21", ["linux_6_12", "linux_micro"], "did you mean `linux_6_12`?", id="one"),
        pytest.param("extra_confg", ["extra_config", "base"], "did you mean `extra_config`?", id="letter-lost"),
        pytest.param("patchs", ["patch", "patches"], "did you mean `patches` or `patch`?", id="two"),
        pytest.param("zzz", ["patch", "base"], None, id="nothing-near"),
        pytest.param("", ["patch"], None, id="empty"),
        pytest.param("patch", [], None, id="nothing-known"),
        pytest.param("p" * 100_000, ["patch"], None, id="huge"),
    ],
)
def test_suggestion(word: str, known: list[str], expected: str | None) -> None:
    """The closest known words are suggested, or nothing if none is close."""
    assert expected == suggestion(word, known)
