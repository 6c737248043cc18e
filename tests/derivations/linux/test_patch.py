"""Patches: named, from files, texts and downloads, and the tree that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.fetch import fetch_url
from derivations.kconfig.fragment import Fragment, InvalidFragment
from derivations.kconfig.values import YES
from derivations.linux.patch import InvalidPatch, Patch, patched
from derivations.source import NoSource, text_file
from derivations.toolchain import gcc_toolchain
from tests.fakes import fake_lock


if TYPE_CHECKING:
    from pathlib import Path


TEXT = "--- a/x\n+++ b/x\n"
TOOLCHAIN = gcc_toolchain(fake_lock(), "x86_64-linux")
SOURCE = fetch_url("https://cdn.kernel.org/linux-6.12", sha256="0" * 64).out


def test_a_file(tmp_path: Path) -> None:
    """A patch's file is known by its content: where it lies and what it is called is no part of the tree."""
    for name in ("one.patch", "[PATCH] other, with an odd name.diff"):
        (tmp_path / name).write_text(TEXT)

    assert Patch("a", tmp_path / "one.patch") == Patch("a", str(tmp_path / "[PATCH] other, with an odd name.diff"))


def test_a_changed_file_is_another_patch(tmp_path: Path) -> None:
    """A change of the file is a change of the tree."""
    file = tmp_path / "a.patch"
    file.write_text(TEXT)
    before = Patch("a", file)
    file.write_text(f"{TEXT}\n")

    assert before != Patch("a", file)


def test_other_sources() -> None:
    """A patch may be a text or the output of a derivation."""
    download = fetch_url("https://example.org/a.patch.xz", sha256="1" * 64)

    assert Patch("a", text=TEXT).source == text_file("a.patch", TEXT).out
    assert Patch("a", download) == Patch("a", download.out)


def test_options_alone() -> None:
    """A patch may be nothing but the options that it stands for; then it does not change the tree."""
    patch = Patch("a", extra_config={"A": YES})

    assert patch.source is None
    assert patch.extra_config == (Fragment("patch a", {"A": YES}),)
    assert patched(SOURCE, (patch,), TOOLCHAIN) == SOURCE


def test_the_series_is_mounted_in_order() -> None:
    """Patches are applied in their order, whatever they are called; those without a text are left out."""
    patches = (Patch("z", text=TEXT), Patch("options", extra_config={"A": YES}), Patch("a", text=TEXT))
    changes = patched(SOURCE, patches, TOOLCHAIN).derivation.mounts["/0001"].derivation

    assert [place for place in changes.mounts if place.startswith("/patches/")] == [
        "/patches/0001-z",
        "/patches/0003-a",
    ]
    assert changes.mounts["/src"] == SOURCE


def test_the_order_matters() -> None:
    """The same patches in another order are another tree by key (and by content only if the result differs)."""
    one, other = Patch("a", text=TEXT), Patch("b", text=TEXT)

    assert patched(SOURCE, (one, other), TOOLCHAIN) != patched(SOURCE, (other, one), TOOLCHAIN)


@pytest.mark.parametrize(
    ("arguments", "keywords", "sentence"),
    [
        pytest.param(["a"], {}, "patch 'a': it has neither a file, a text, nor options", id="nothing"),
        pytest.param(["a", "f"], {"text": TEXT}, "patch 'a': give the file or the text, not both", id="both"),
        pytest.param(["a b"], {"text": TEXT}, "patch 'a b': a name consists of letters", id="name"),
        pytest.param(["a/b"], {"text": TEXT}, "patch 'a/b': a name consists of letters", id="name-is-path"),
        pytest.param([""], {"text": TEXT}, "patch '': ", id="no-name"),
        pytest.param([3], {"text": TEXT}, "patch '3': its name is no text", id="name-is-number"),
        pytest.param(["x" * 300], {"text": TEXT}, "the name is longer than", id="long-name"),
        pytest.param(["a", 3], {}, "patch 'a': 3 is neither a file's name nor a derivation", id="file-is-number"),
        pytest.param(["a"], {"text": 3}, "patch 'a': the text of a patch is not 3", id="text-is-number"),
        pytest.param(["a"], {"text": " \n"}, "patch 'a': the text of a patch is not ' \\n'", id="empty-text"),
    ],
)
def test_what_is_no_patch(arguments: list[Any], keywords: dict[str, Any], sentence: str) -> None:
    """A patch that cannot be is refused with its name."""
    with pytest.raises(InvalidPatch) as caught:
        Patch(*arguments, **keywords)

    assert sentence in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    """A file that is not there is named, with what relative names are relative to."""
    with pytest.raises(NoSource) as caught:
        Patch("a", "no-such.patch")
    assert str(caught.value).endswith("tests/derivations/linux/no-such.patch: there is no such file")
    assert caught.value.hint == "a relative path lies beside the Python file that names it"

    with pytest.raises(NoSource):
        Patch("a", tmp_path)


def test_wrong_options() -> None:
    """The options of a patch are checked like all others."""
    with pytest.raises(InvalidFragment):
        Patch("a", extra_config=3)  # type: ignore[arg-type]
