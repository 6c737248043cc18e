"""Tests of kernix.developer.patch: the author, the title, and what belongs in a patch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernix.developer.patch import identity, letter, take_out
from store.errors import UsageError
from store.trees.content import Kind
from store.trees.manifest import Manifest


if TYPE_CHECKING:
    from pathlib import Path


def test_the_author(tmp_path: Path) -> None:
    """The author is the one that git's files name, the user's own before the general one, and variables before both."""
    general = tmp_path / ".config/git/config"
    general.parent.mkdir(parents=True)
    general.write_text("[user]\n\tname = General\n\temail = g@x ; comment\n")
    home = {"HOME": str(tmp_path)}
    assert identity(home) == "General <g@x>"

    (tmp_path / ".gitconfig").write_text('[core]\nname = no\n[User]\n  Name = "Ada # L"\n[alias]\nemail = no\n')
    assert identity(home) == "Ada # L <g@x>"
    assert identity({**home, "GIT_AUTHOR_NAME": "V", "GIT_AUTHOR_EMAIL": "v@x"}) == "V <v@x>"


def test_no_author(tmp_path: Path) -> None:
    """Without a name and an address the option is recommended."""
    (tmp_path / ".gitconfig").write_text("[user]\nname = Ada\n")
    with pytest.raises(UsageError) as caught:
        identity({"HOME": str(tmp_path)})
    assert "--author" in str(caught.value.hint)


def test_the_title() -> None:
    """The title is the first line of the message, or names the first file."""
    author = "Ada <a@x>"
    assert letter(author, "Mend it\n\nWhy.\n", ["a"], 0).subject == "Mend it"
    assert letter(author, "Mend it\n\nWhy.\n", ["a"], 0).body == "Why."
    assert letter(author, None, ["a"], 0).subject == "Change a"
    assert letter(author, None, ["a", "b", "c"], 0).subject == "Change a and 2 more"
    with pytest.raises(UsageError):
        letter("Ada", None, ["a"], 0)


def test_what_is_left_out(tmp_path: Path) -> None:
    """New files that git ignores in a kernel are left out; changes to existing ones never are."""
    (tmp_path / "old.o").touch()
    new = (Kind.FILE, b"1" * 32)
    changes = dict.fromkeys(
        ("a.c~", "b.orig", "dir/.x.swp", ".idea/x", "tags", "old.o", ".gitignore", "new.c", "TAGS.c"), new
    )
    kept, left_out = take_out({**changes, "gone.o": None}, Manifest.of(tmp_path))
    assert sorted(kept) == [".gitignore", "TAGS.c", "gone.o", "new.c", "old.o"]
    assert left_out == ["a.c~", "b.orig", "dir/.x.swp", ".idea/x", "tags"]
