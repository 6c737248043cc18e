"""Result links are named as nix-build names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from derivations.derivation import Derivation, Output
from derivations.source import text_file
from kernix.links import check, places
from store.roots import NotALink


HELLO, OTHER = text_file("hello", "hello"), text_file("other", "other")
TWO = Derivation(name="two", system="x86_64-linux", builder="/bin/sh", outputs=("out", "dev"))


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        pytest.param([HELLO.out], ["result"], id="one"),
        pytest.param([HELLO.out, OTHER.out], ["result", "result-2"], id="two"),
        pytest.param([TWO.output("dev")], ["result-dev"], id="output"),
        pytest.param([TWO.out, TWO.output("dev"), HELLO.out], ["result", "result-dev", "result-2"], id="outputs"),
        pytest.param([HELLO.out, TWO.output("dev")], ["result", "result-2-dev"], id="second-output"),
    ],
)
def test_links_are_numbered_by_derivation(outputs: list[Output], expected: list[str]) -> None:
    """The first link has the plain name; others have a number, an output's name, or both."""
    links = {Path("x", name): it for name, it in zip(expected, outputs, strict=True)}
    assert links == places(Path("x/result"), outputs)


def test_what_is_no_link_is_not_replaced(tmp_path: Path) -> None:
    """A file where a link should be is found before anything is built."""
    (tmp_path / "result").touch()
    (tmp_path / "link").symlink_to("nowhere")
    check([tmp_path / "link", tmp_path / "absent"])
    with pytest.raises(NotALink):
        check([tmp_path / "result"])
