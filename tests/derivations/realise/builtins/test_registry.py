"""Tests for derivations.realise.builtins.registry."""

from __future__ import annotations

import subprocess
import sys

import pytest

from derivations.realise.builtins.registry import _BUILTINS, UnknownBuiltin, find


@pytest.mark.parametrize("name", sorted(_BUILTINS))
def test_every_builder_exists(name: str) -> None:
    """Every name leads to a function."""
    assert callable(find(f"builtin:{name}"))


@pytest.mark.parametrize(
    ("builder", "hint"),
    [
        pytest.param("builtin:write-tex", "did you mean `write-text`?", id="typing-error"),
        pytest.param("builtin:sign", "a newer kernix may have it", id="unknown"),
        pytest.param("write-text", "did you mean `write-text`?", id="no-prefix"),
    ],
)
def test_an_unknown_builder_is_named(builder: str, hint: str) -> None:
    """An unknown builder is named, with a suggestion."""
    with pytest.raises(UnknownBuiltin) as caught:
        find(builder)
    assert (f"unknown builder {builder!r}", hint) == (str(caught.value), caught.value.hint)


def test_nothing_is_loaded_before_it_is_needed() -> None:
    """The registry alone loads no HTTP library and no builder."""
    code = (
        "import sys, derivations.realise.builtins.registry as it; it.find('builtin:write-text');"
        "print(sorted({'requests', 'lzma', 'subprocess'} & sys.modules.keys()))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
