"""Patches from files, strings and downloads, and patched trees."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import pytest

from derivations.fetch import fetch_url
from derivations.kconfig.language.fragment import Fragment, InvalidFragment
from derivations.kconfig.language.values import YES
from derivations.linux.patch import InvalidPatch, Patch, patched
from derivations.source import NoSource, text_file


if TYPE_CHECKING:
    from pathlib import Path


TEXT = "--- a/x\n+++ b/x\n"
SOURCE = fetch_url("https://cdn.kernel.org/linux-6.12", sha256="0" * 64).out


def test_a_file(tmp_path: Path) -> None:
    """A patch file is identified by its content: its path and name are not part of the tree."""
    for name in ("one.patch", "[PATCH] other, with an odd name.diff"):
        (tmp_path / name).write_text(TEXT)

    assert Patch("a", tmp_path / "one.patch") == Patch("a", str(tmp_path / "[PATCH] other, with an odd name.diff"))


def test_a_changed_file_is_another_patch(tmp_path: Path) -> None:
    """Changing the file changes the tree."""
    file = tmp_path / "a.patch"
    file.write_text(TEXT)
    before = Patch("a", file)
    file.write_text(f"{TEXT}\n")

    assert before != Patch("a", file)


def test_other_sources() -> None:
    """A patch may be a string or the output of a derivation."""
    download = fetch_url("https://example.org/a.patch.xz", sha256="1" * 64)

    assert Patch("a", text=TEXT).sources == (text_file("a.patch", TEXT).out,)
    assert Patch("a", download) == Patch("a", download.out)


def test_options_alone() -> None:
    """A patch may consist of options alone; then it does not change the tree."""
    patch = Patch("a", extra_config={"A": YES})

    assert patch.sources == ()
    assert patch.extra_config == (Fragment("patch a", {"A": YES}),)
    assert patched(SOURCE, (patch,)) == SOURCE


def test_the_series_is_mounted_in_order() -> None:
    """Patches are applied in order, regardless of their names, each with its rules; those without a text are left out."""
    patches = (
        Patch("z", text=TEXT, strip=0),
        Patch("options", extra_config={"A": YES}),
        Patch("a", text=TEXT, max_fuzz=0),
    )
    changes = patched(SOURCE, patches).derivation.mounts["/0001"].derivation

    assert [place for place in changes.mounts if place != "/src"] == ["/patches/00001.00001", "/patches/00003.00001"]
    assert changes.mounts["/src"] == SOURCE
    rules = json.loads(changes.env["patches"])
    assert [(it["name"], it["strip"], it["max_fuzz"]) for it in rules if it["places"]] == [("z", 0, 2), ("a", 1, 0)]


def test_a_list_is_a_series(tmp_path: Path) -> None:
    """A list of files and downloads is one patch whose parts are applied in order."""
    (tmp_path / "one.patch").write_text(TEXT)
    download = fetch_url("https://example.org/a.patch.xz", sha256="1" * 64)
    patch = Patch("stack", [download, tmp_path / "one.patch"])
    changes = patched(SOURCE, (patch,)).derivation.mounts["/0001"].derivation

    assert [it.derivation.name for it in patch.sources] == ["a.patch.xz", "stack-2.patch"]
    assert [changes.mounts[f"/patches/00001.0000{number}"] for number in (1, 2)] == list(patch.sources)


def test_a_directory_is_a_series(tmp_path: Path) -> None:
    """A directory is one source, identified by its content."""
    (tmp_path / "series").write_text("one.patch\n")
    (tmp_path / "one.patch").write_text(TEXT)
    before = Patch("stack", tmp_path)
    (tmp_path / "series").write_text("# one.patch\n")

    assert before.sources[0].derivation.builder == "builtin:local"
    assert before != Patch("stack", tmp_path)


def test_the_order_matters() -> None:
    """The same patches in another order give a tree with another key (but equal content if the result is the same)."""
    one, other = Patch("a", text=TEXT), Patch("b", text=TEXT)

    assert patched(SOURCE, (one, other)) != patched(SOURCE, (other, one))


@pytest.mark.parametrize(
    ("arguments", "keywords", "sentence"),
    [
        pytest.param(["a"], {}, "no file, no text", id="nothing"),
        pytest.param(["a", "f"], {"text": TEXT}, "patch 'a': give the file or the text, not both", id="both"),
        pytest.param(["a b"], {"text": TEXT}, "patch 'a b': a name consists of letters", id="name"),
        pytest.param(["a/b"], {"text": TEXT}, "patch 'a/b': a name consists of letters", id="name-is-path"),
        pytest.param([""], {"text": TEXT}, "patch '': ", id="no-name"),
        pytest.param([3], {"text": TEXT}, "patch '3': its name is not a string", id="name-is-number"),
        pytest.param(["x" * 300], {"text": TEXT}, "the name is longer than", id="long-name"),
        pytest.param(["a", 3], {}, "patch 'a': 3 is neither the name of a file nor a derivation", id="file-is-number"),
        pytest.param(["a", []], {}, "patch 'a': its list of files is empty", id="empty-list"),
        pytest.param(
            ["a", [fetch_url("https://example.org/a", sha256="1" * 64), 3]],
            {},
            "patch 'a': 3 is neither",
            id="number-in-list",
        ),
        pytest.param(
            ["a"], {"text": TEXT, "strip": "1"}, "patch 'a': strip must be a non-negative integer, not '1'", id="strip"
        ),
        pytest.param(
            ["a"],
            {"text": TEXT, "max_fuzz": -1},
            "patch 'a': max_fuzz must be a non-negative integer, not -1",
            id="fuzz",
        ),
        pytest.param(["a"], {"text": 3}, "patch 'a': the text of a patch cannot be 3", id="text-is-number"),
        pytest.param(["a"], {"text": " \n"}, "patch 'a': the text of a patch cannot be ' \\n'", id="empty-text"),
    ],
)
def test_invalid_patches(arguments: list[Any], keywords: dict[str, Any], sentence: str) -> None:
    """An invalid patch is rejected with its name."""
    with pytest.raises(InvalidPatch) as caught:
        Patch(*arguments, **keywords)

    assert sentence in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    """A missing file is named, and the hint says what relative names are relative to."""
    with pytest.raises(NoSource) as caught:
        Patch("a", "no-such.patch")
    assert str(caught.value).endswith("tests/derivations/linux/no-such.patch: there is no such file")
    assert caught.value.hint == "a relative path is relative to the directory of the Python file that names it"

    with pytest.raises(NoSource):
        Patch("a", tmp_path / "absent")


def test_wrong_options() -> None:
    """The options of a patch are validated like all others."""
    with pytest.raises(InvalidFragment):
        Patch("a", extra_config=3)  # type: ignore[arg-type]
