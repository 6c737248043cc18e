"""`kernix develop`: what needs no kernel; `tests/test_real_develop.py` has the rest."""

from __future__ import annotations

import subprocess

from typing import TYPE_CHECKING

import pytest

from derivations.realise.develop.workplace import State, Workplace
from tests.programs import program


if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


@pytest.fixture
def desk(kernix: CommandLine) -> Path:
    """Return a workplace with changes to a small tree."""
    tree = kernix.work / "tree"
    (tree / "lib").mkdir(parents=True)
    (tree / "lib/a.c").write_text("int a;\n")
    base = kernix("add", tree).lines[-1].rpartition("/")[2]
    workplace = Workplace(kernix.work / "linux-develop")
    workplace.make()
    workplace.save(State(attribute="k", name="linux", source=base, family="f", config="c"))
    (workplace.source / "lib").mkdir()
    (workplace.source / "lib/a.c").write_text("int b;\n")
    (workplace.source / "lib/a.c~").write_text("int a;\n")
    return workplace.place


AUTHOR = ("--author", "Ada <ada@x>")


def test_a_patch(kernix: CommandLine, desk: Path) -> None:
    """The changes are written as a patch that git applies; what does not belong in it is reported."""
    done = kernix("develop", "--patch", *AUTHOR, "-m", "Rename it")

    assert done.code == 0, done.err
    assert "\nFrom: Ada <ada@x>\n" in done.out
    assert "\nSubject: [PATCH] Rename it\n" in done.out
    assert "lib/a.c~" in done.err
    assert kernix("develop", "k", "--patch", *AUTHOR, "-m", "Rename it", "-o", "it.patch").out == ""
    assert kernix("develop", "--into", desk, "--patch", *AUTHOR).code == 0
    tree = kernix.work / "tree"
    subprocess.run([program("git"), "apply", kernix.work / "it.patch"], cwd=tree, check=True)
    assert (tree / "lib/a.c").read_text() == "int b;\n"


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--patch", "other", *AUTHOR), "no directory of `kernix develop` of other here"),
        (("--patch", "--into", "tree", *AUTHOR), "is not empty, and not a directory of `kernix develop`"),
        (("--patch", "--into", "nothing", *AUTHOR), "no directory of `kernix develop` in nothing"),
        (("--patch",), "the author of the patch is not known"),
        (("--patch", "--author", "Ada"), "not of the form"),
        (("-o", "x", "k"), "belong to --patch"),
        ((), "ATTR is missing"),
    ],
)
def test_errors(kernix: CommandLine, words: tuple[str, ...], message: str) -> None:
    """What cannot be done is an error that says why."""
    done = kernix("develop", *words)
    assert done.code != 0
    assert message in done.err


def test_nothing_changed(kernix: CommandLine, desk: Path) -> None:
    """Without changes no patch is written."""
    for place in (desk / "source/lib").iterdir():
        place.unlink()
    done = kernix("develop", "--patch", *AUTHOR)
    assert (done.out, "nothing was changed" in done.err) == ("", True)


def test_only_kernels(kernix: CommandLine, scripts: Path) -> None:
    """Only kernels can be developed."""
    assert "`fine` is not a kernel" in kernix("develop", "-f", scripts, "fine").err
