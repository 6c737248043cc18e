"""`kernix kept`, and what `kernix gc` does with kept object trees."""

from __future__ import annotations

import time

from typing import TYPE_CHECKING

import pytest

from derivations.realise.kept.shelf import Shelf
from tests.derivations.realise.kept.conftest import Keeping


if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


@pytest.fixture
def keep(kernix: CommandLine, tmp_path: Path) -> Keeping:
    """Return a function that keeps a tree in the home of a new store."""
    kernix("add", kernix.write("file", "x"))
    return Keeping(Shelf(kernix.home / "kept"), tmp_path / "scratch")


def kept(kernix: CommandLine) -> list[str]:
    """Return the names of the kept trees."""
    return [it.about.name for it in Shelf(kernix.home / "kept").kept()]


def test_the_list(kernix: CommandLine, keep: Keeping) -> None:
    """Each tree gets a line: what it is, what it takes, how old it is."""
    now = time.time()
    tree = keep(used=now - 130, name="linux-6.12", made=now - 3 * 86_400)
    ran = kernix("kept")

    assert ran.lines[0].split("  ")[:3] == [tree.id[:6], "linux-6.12", "1 object"]
    assert ran.lines[0].endswith("made 3 days ago  used 2 minutes ago")
    assert (ran.code, ran.err.startswith("1 object tree, "), ran.err.endswith(" of at most 21.5 GB\n")) == (
        0, True, True,
    )  # fmt: skip


def test_the_list_as_json(kernix: CommandLine, keep: Keeping) -> None:
    """`--json` has all that is known, in bytes and seconds; both places of the option are the same."""
    tree = keep({"a.o": "x" * 100_000}, used=2e9, name="linux-6.12", family="ab")
    found = kernix("kept", "--json").json

    assert found == kernix("kept", "list", "--json").json
    assert {key: found[0][key] for key in ("id", "name", "objects", "used", "family", "path")} == {
        "id": tree.id, "name": "linux-6.12", "objects": 1, "used": 2e9, "family": "ab", "path": str(tree.place),
    }  # fmt: skip
    assert found[0]["own"] > 100_000 > found[0]["shared"]


def test_nothing_is_kept(kernix: CommandLine) -> None:
    """Without trees the list is empty, and no store is made."""
    assert (kernix("kept").out, kernix("kept", "--json").json, kernix("kept", "clear").code) == ("", [], 0)
    assert not kernix.home.exists()


@pytest.mark.parametrize("how", ["id", "start", "name"])
def test_remove(kernix: CommandLine, keep: Keeping, how: str) -> None:
    """A tree is removed by its identifier, the start of that, or the kernel's name."""
    keep(name="a")
    tree = keep(name="b")
    ran = kernix("kept", "remove", {"id": tree.id, "start": tree.id[:8], "name": "b"}[how])

    assert (ran.code, ran.out.startswith("removed 1 object tree, freed "), kept(kernix)) == (0, True, ["a"])


def test_remove_what_is_not_kept(kernix: CommandLine, keep: Keeping) -> None:
    """An unknown name is an error, and nothing is removed."""
    keep(name="a")
    ran = kernix("kept", "remove", "a", "zz")

    assert (ran.code, "there is no kept tree 'zz'" in ran.err, kept(kernix)) == (2, True, ["a"])


def test_clear(kernix: CommandLine, keep: Keeping) -> None:
    """All trees go, but for those that builds use."""
    keep(name="a")
    tree = keep(name="b")
    with Shelf(kernix.home / "kept").holding(tree):
        ran = kernix("kept", "clear")

    assert (ran.out.split(",")[0], ran.err) == ("removed 1 object tree", "1 object tree left: builds are using them\n")
    assert kept(kernix) == ["b"]


def test_a_foreign_shelf(kernix: CommandLine, keep: Keeping) -> None:
    """A shelf that others can enter is an error of `kept`, and a warning of `gc`."""
    keep()
    (kernix.home / "kept").chmod(0o755)

    assert kernix("kept").code == 1
    ran = kernix("gc")
    assert (ran.code, "others can enter it" in ran.err) == (0, True)


GC = [
    pytest.param([], ["new", "month"], id="default"),
    pytest.param(["--all"], [], id="all"),
    pytest.param(["--delete-older-than", "60d"], ["new", "month", "old"], id="older"),
    pytest.param(["--all", "--delete-older-than", "10d"], ["new"], id="all-older"),
    pytest.param(["--max-freed", "1"], ["new", "month", "old"], id="max-freed"),
]


@pytest.mark.parametrize(("options", "left"), GC)
def test_gc(kernix: CommandLine, keep: Keeping, options: list[str], left: list[str]) -> None:
    """`kernix gc` removes old trees as its options say, reports it, and `--dry-run` reports the same."""
    for name, days in (("old", 40), ("month", 20), ("new", 1)):
        keep(used=time.time() - days * 86_400, name=name)
    before = kernix("gc", *options, "--dry-run")

    assert len(kept(kernix)) == 3
    after = kernix("gc", *options)
    assert kept(kernix) == left
    count = 3 - len(left)
    trees = f"{count} kept object tree{'' if count == 1 else 's'}"
    assert ((f"{trees} would be removed" in before.err), (f"removed {trees}" in after.err)) == (count > 0, count > 0)
    assert ("left, " in after.err) == bool(left)


def test_gc_applies_the_configured_size(kernix: CommandLine, keep: Keeping) -> None:
    """`max_size` in config.toml counts."""
    keep({"a.o": "x" * 200_000}, used=1e9 + time.time(), name="big")
    keep({"b.o": "y" * 200_000}, used=2e9 + time.time(), name="other")
    kernix.configure('[kept]\nmax_size = "300k"\n')
    kernix("gc")

    assert kept(kernix) == ["other"]
    assert "of at most 307.2 kB" in kernix("kept").err
