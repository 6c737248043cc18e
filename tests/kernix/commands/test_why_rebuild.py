"""`kernix why-rebuild`: what is compared, and how that is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


UNIONS = """
from derivations.source import text_file
from derivations.union import UnionLayout, union

def whole(text, exclude=(), name="whole-1.0"):
    return union(name, [union("part", [], UnionLayout(files={{"a": text}}, exclude=exclude))])

{0}
"""


def _write(kernix: CommandLine, name: str, text: str) -> Path:
    return kernix.write(name, UNIONS.format(text))


def _build(kernix: CommandLine, file: Path, attribute: str) -> str:
    return kernix("build", "-f", file, attribute, "--no-link").lines[0]


def test_the_newest_build_of_that_name(kernix: CommandLine) -> None:
    """Without B, the newest build of the name is compared with; other names do not count."""
    file = _write(
        kernix, "f.py", "one = whole('1')\ntwo = whole('2')\nother = whole('3', name='other')\nnew = whole('4')\n"
    )
    _build(kernix, file, "one")
    newest = _build(kernix, file, "two")
    _build(kernix, file, "other")

    found = kernix("why-rebuild", "-f", file, "new", "--json").json
    assert (newest, None, "differs") == (found["old"]["path"], found["new"]["path"], found["verdict"])
    built = _build(kernix, file, "new")
    assert (newest, built) == tuple(kernix("why-rebuild", built, "--json").json[it]["path"] for it in ("old", "new"))
    assert built == kernix("why-rebuild", "-f", file, "one", "--json").json["old"]["path"]


def test_another_version(kernix: CommandLine) -> None:
    """If no build of the name is in the store, one of another version is compared with."""
    file = _write(kernix, "f.py", "old = whole('1')\nnew = whole('1', name='whole-1.1')\n")
    path = _build(kernix, file, "old")

    found = kernix("why-rebuild", "-f", file, "new", "--json").json
    assert (path, "differs") == (found["old"]["path"], found["verdict"])
    assert [("name", "whole-1.0", "whole-1.1")] == [
        (it["what"], it["old"], it["new"]) for part in found["parts"] for it in part["changes"]
    ]


def test_the_build_that_was_reused(kernix: CommandLine) -> None:
    """A result that was reused is compared with the build that made it, and the derivation that differs is named."""
    file = _write(kernix, "f.py", "old = whole('1')\nnewer = whole('2')\nsame = whole('1', exclude=['nothing'])\n")
    path = _build(kernix, file, "old")
    _build(kernix, file, "newer")

    assert path == _build(kernix, file, "same")
    ran = kernix("why-rebuild", "-f", file, "same")
    assert [
        "nothing that counts differs: the result was reused",
        "these differ, and their results are the same:",
        "  part  its `exclude`",
    ] == ran.lines[2:]


def test_store_paths(kernix: CommandLine) -> None:
    """Both can be paths in the store, results or derivations; what cannot be explained by options names its recipe."""
    file = _write(kernix, "f.py", "old = whole('1')\nnew = whole('2')\n")
    old, new = _build(kernix, file, "old"), _build(kernix, file, "new")
    drv = kernix("instantiate", "-f", file, "old").lines[0]

    expected = [
        f"old: {old}",
        f"new: {new}",
        "part: differs",
        "  environment: 1 variable differs",
        '    files  {"a":"1"} -> {"a":"2"}',
    ]
    assert expected == [line.partition(" (built")[0] for line in kernix("why-rebuild", new, old).lines]
    assert expected[2:] == kernix("why-rebuild", new, drv).lines[2:]
    assert expected[2:] == kernix("why-rebuild", "-f", file, "new", "old").lines[2:]


def test_the_same_derivation(kernix: CommandLine) -> None:
    """A derivation does not differ from itself, wherever it is written."""
    file = _write(kernix, "f.py", "old = whole('1')\nnew = whole('1')\n")
    path = _build(kernix, file, "old")

    assert "both are the same derivation: nothing differs" == kernix("why-rebuild", "-f", file, "new", path).lines[-1]


def test_nothing_to_compare_with(kernix: CommandLine, hello: Path) -> None:
    """Without an earlier build, or a store, that is the error."""
    assert "there is no store" in kernix("why-rebuild", "-f", hello, "hello").err
    kernix("build", "-f", hello, "hello", "--no-link")

    ran = kernix("why-rebuild", "-f", hello, "other")
    assert (1, "error: the store has no earlier build of other whose derivation is known") == (
        ran.code,
        ran.err.splitlines()[0],
    )
    assert 1 == kernix("why-rebuild", "-f", hello, "hello").code


def test_a_long_list(kernix: CommandLine, tmp_path: Path) -> None:
    """Of many changes the first are listed, and all of them with `--all`."""
    trees = [tmp_path / "old", tmp_path / "new"]
    for tree in trees:
        tree.mkdir()
    for number in range(30):
        (trees[1] / f"{number:02}").write_text("")
    text = "\n".join(f"{it.name} = union('joined', [local_source({str(it)!r}, name='tree')])\n" for it in trees)
    file = _write(kernix, "f.py", f"from derivations.source import local_source\n{text}")
    _build(kernix, file, "old")

    lines = kernix("why-rebuild", "-f", file, "new").lines
    assert ("tree: 30 files differ", "  … and 10 more; `--all` lists them", 24) == (lines[2], lines[-1], len(lines))
    assert 33 == len(kernix("why-rebuild", "-f", file, "new", "--all").lines)


@pytest.mark.usefixtures("lock")
def test_nothing_is_fetched_or_compiled(kernix: CommandLine) -> None:
    """For a kernel whose inputs are not there, definitions are compared, and the network is not asked."""
    path = kernix("instantiate", "linux_micro").lines[0]
    file = kernix.write(
        "mine.py",
        "from derivations import YES, Patch\nfrom kernels import kernel_set\n"
        "mine = kernel_set().linux_micro.override(extra_config={'NET': YES}, make_flags=['W=1'],"
        " patches=[Patch('p', text='--- a/a\\n+++ b/a\\n@@ -1 +1 @@\\n-a\\n+b\\n')])\n",
    )

    found = kernix("why-rebuild", "-f", file, "mine", path, "--json").json
    assert {
        "flags": [("W", None, "1")],
        "requests": [("NET", None, "y")],
        "patches": [("p", None, "applied")],
    } == {part["kind"]: [(it["what"], it["old"], it["new"]) for it in part["changes"]] for part in found["parts"]}
    assert ["differs", ["script", "environment", "toolchain", "chance.sh"]] == [found["verdict"], found["same"]]
