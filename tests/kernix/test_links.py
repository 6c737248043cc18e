"""Result links are named as nix-build names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from derivations.derivation import Derivation, Output
from derivations.source import text_file
from kernix.links import check, check_writable, places
from store.gc.roots import CannotLink, NotALink
from store.layout import Layout


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


def test_a_file_in_the_place_of_a_link_is_kept(tmp_path: Path) -> None:
    """A file in the place of a link is an error before anything is built."""
    (tmp_path / "result").touch()
    (tmp_path / "link").symlink_to("nowhere")
    layout = Layout(tmp_path / "home")
    for target in (f"{layout.objects}/0-gone", "home/store/0-gone", "home/store/0-gone/boot/vmlinuz"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(target)
        check(layout, [tmp_path / "link", tmp_path / "absent"])
    with pytest.raises(NotALink) as caught:
        check(layout, [tmp_path / "result"])
    assert caught.value.target is None


@pytest.mark.parametrize(
    "target",
    [
        "nowhere",
        "/etc",
        "home",
        "home/store",
        "link",
        "other",
        "/home/store/0-x",
        "home/store/../x",
        "home/store/0-x/..",
    ],
)
def test_a_users_own_link_is_not_replaced(tmp_path: Path, target: str) -> None:
    """A link that does not point into the store is kept, even one to a link into the store."""
    layout = Layout(tmp_path / "home")
    layout.objects.mkdir(parents=True)
    (tmp_path / "other").symlink_to(layout.objects / "0-object")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(NotALink) as caught:
        check(layout, [tmp_path / "link"])
    assert caught.value.target == target


def test_a_link_that_cannot_be_made(tmp_path: Path) -> None:
    """A link without a directory, a name, or space is an error before anything is built."""
    layout = Layout(tmp_path / "home")
    (tmp_path / "file").touch()
    for link in (tmp_path / "gone/result", tmp_path / "file/result"):
        with pytest.raises(CannotLink):
            check(layout, [link])
    for name in ("", "/"):
        with pytest.raises(CannotLink):
            places(Path(name), [HELLO.out])
    for link in (tmp_path / ("x" * 256), Path("/proc/result")):
        with pytest.raises(CannotLink):
            check_writable([link])
    check_writable([tmp_path / ("x" * 255)])
    assert ["file"] == [it.name for it in tmp_path.iterdir()]
