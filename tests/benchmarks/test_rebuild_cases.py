"""The cases of the benchmark of rebuilds: as patches, as definitions, as lines of a `.config`; and its table."""

from __future__ import annotations

import subprocess

from typing import TYPE_CHECKING

import pytest

from benchmarks.plain_make import Made
from benchmarks.rebuild import CLEAN, KEPT, Forecast, Row, details
from benchmarks.rebuild_cases import CASES, Case, Change
from benchmarks.report import KERNIX
from tests.programs import program


if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a source tree with one file."""
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/a.c").write_text("int a;\nint b;\n")
    return tmp_path


def test_patch(tree: Path) -> None:
    """Git applies the patch of a change, which then has the files that a user of make edits."""
    change = Change({}, {"kernel/a.c": "int c;\n", "kernel/new.h": "#define NEW 1\n"})
    files = change.files(tree)
    patch = change.patch(tree)

    subprocess.run([program("git"), "apply"], input=patch, cwd=tree, text=True, check=True)

    assert {path: (tree / path).read_text() for path in files} == {path: after for path, (_, after) in files.items()}


def test_lines() -> None:
    """Options become lines of a `.config`."""
    assert Change({"B": "n", "A": "y"}).lines == "CONFIG_A=y\n# CONFIG_B is not set\n"


def test_definition() -> None:
    """A change without files has no patch."""
    assert Change({"A": "y"}).definition("it", "it.patch") == 'it = micro.override(extra_config={"A": YES})\n'
    assert Change({}, {"a": "b"}).definition("it", "it.patch").endswith('patches=[Patch("benchmark", "it.patch")])\n')


def test_cases() -> None:
    """Each case has a name of its own, and the quick ones begin with nothing."""
    assert len({it.name for it in CASES}) == len(CASES)
    assert next(it for it in CASES if it.quick).change == Change()


def test_details() -> None:
    """The table has a line for each side, with the ratio to a clean make, and says which images differ."""
    clean, row = Row(Case("clean")), Row(Case("one"), forecast=Forecast(9, 2.5))
    clean.note(CLEAN, Made(100, 700, 1 << 20, b"first"))
    clean.note(KERNIX, Made(80, 700, 2 << 20, b"first"))
    row.note(KEPT, Made(5, 1, 0, b"wrong"))
    row.note(KERNIX, Made(4, 9, 1 << 19, b"second"))

    assert details(clean, [row], has_ccache=True).splitlines()[2:] == [
        "| clean | make, clean | 100.00 s | 1.000 | 700 | 1.0 MiB | as kernix' |  |",
        "|  | kernix | 80.00 s | 0.800 | 700 | 2.0 MiB |  |  |",
        "| one | make in its kept tree | 5.00 s | 0.050 | 1 | 0.0 MiB | **another one** |  |",
        "|  | kernix | 4.00 s | 0.040 | 9 | 0.5 MiB |  | 9 objects, 2.5 s |",
    ]
