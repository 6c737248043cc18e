"""Users' files are executed as ordinary modules, and their errors are shown as their own."""

from __future__ import annotations

import importlib
import sys
import textwrap

from typing import TYPE_CHECKING

import pytest

from derivations.fixpoint import fix
from overlays.load import (
    NeighbourHidden,
    NoOverlay,
    UserFileError,
    UserFileMissing,
    load_file,
    load_overlay,
    own_errors,
)
from store.errors import UsageError


if TYPE_CHECKING:
    from pathlib import Path


def write(directory: Path, text: str | bytes) -> Path:
    """Return a file in *directory* with *text*."""
    file = directory / "mine.py"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_the_names_of_a_file(tmp_path: Path) -> None:
    """Top-level names of a file are returned, except private ones."""
    found = load_file(write(tmp_path, "import os\na = 1\n_b = 2\ndef c(): return _b\n"))

    assert (found["a"], found["c"](), "_b" in found, "__name__" in found) == (1, 2, False, False)


def test_a_file_knows_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`__file__` is absolute, however the file was named, and no import can use its `__name__`."""
    write(tmp_path, "where, name = __file__, __name__\n")
    monkeypatch.chdir(tmp_path)

    found = load_file((tmp_path / "mine.py").relative_to(tmp_path))

    assert (found["where"], found["name"]) == (str(tmp_path / "mine.py"),) * 2


def test_future_imports_are_the_files_own(tmp_path: Path) -> None:
    """The file's annotations are evaluated unless it says otherwise: our own `__future__` does not apply to it."""
    found = load_file(write(tmp_path, "def f(x: int) -> None: ...\nkind = f.__annotations__['x']\n"))

    assert found["kind"] is int


def test_other_encodings(tmp_path: Path) -> None:
    """A file is read in the encoding that it declares, UTF-8 by default."""
    assert load_file(write(tmp_path, "a = 'ü'\n"))["a"] == "ü"
    assert load_file(write(tmp_path, b"# -*- coding: latin-1 -*-\na = '\xfc'\n"))["a"] == "ü"


def test_dataclasses(tmp_path: Path) -> None:
    """A file may define classes whose annotations are evaluated in its own module, at once or in a later call."""
    text = """\
        from __future__ import annotations
        from dataclasses import dataclass

        @dataclass
        class Board:
            cores: int

        def later():
            @dataclass
            class Two:
                cores: Board
            return Two(Board(2)).cores.cores
    """
    found = load_file(write(tmp_path, textwrap.dedent(text)))

    assert (found["Board"](4).cores, found["later"]()) == (4, 2)


def test_modules_beside_a_file(tmp_path: Path) -> None:
    """Modules and packages beside a file can be imported without hiding any other names or writing bytecode there."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("")
    (tmp_path / "parts" / "more.py").write_text("b = 2\n")
    (tmp_path / "common.py").write_text("import parts.more\na = 1 + parts.more.b\n")
    (tmp_path / "json.py").write_text("raise AssertionError\n")
    before = sys.path[:]

    found = load_file(write(tmp_path, "import json\nfrom common import a\n"))

    assert (found["a"], before) == (3, sys.path)
    assert not {"common", "parts", "parts.more", "mine"} & set(sys.modules)
    assert list(tmp_path.rglob("__pycache__")) == []


def test_each_file_has_its_own_neighbours(tmp_path: Path) -> None:
    """Two files that import modules of the same name get their own; a file without such a module gets none."""
    for number in (1, 2):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / "common.py").write_text(f"a = {number}\n")
        assert load_file(write(directory, "from common import a\n"))["a"] == number

    with pytest.raises(UserFileError, match="No module named 'common'"):
        load_file(write(tmp_path, "from common import a\n"))


def test_a_file_and_its_own_directory_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file's directory is on Python's path anyway, modules from it stay imported."""
    (tmp_path / "common.py").write_text("a = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert load_file(write(tmp_path, "from common import a\n"))["a"] == 1
    assert sys.modules.pop("common").a == 1


@pytest.mark.parametrize(
    ("source", "module"),
    [
        pytest.param("from kernels import mine", "kernels", id="part-of-kernix"),
        pytest.param("import store\nstore.mine", "store", id="attribute"),
        pytest.param("from json import mine", "json", id="standard-library"),
        pytest.param("import attrs\nattrs.mine()", "attrs", id="library"),
    ],
)
@pytest.mark.parametrize("package", [False, True], ids=["module", "package"])
def test_a_hidden_neighbour_is_named(tmp_path: Path, source: str, module: str, package: bool) -> None:
    """A file whose import finds a part of kernix or a library instead of its neighbour gets an error that says so."""
    beside = tmp_path / module / "__init__.py" if package else tmp_path / f"{module}.py"
    beside.parent.mkdir(exist_ok=True)
    beside.write_text("mine = 1\n")
    with pytest.raises(NeighbourHidden) as caught:
        load_file(write(tmp_path, source))
    assert (caught.value.module, caught.value.beside) == (module, str(beside))
    assert caught.value.found == str(importlib.import_module(module).__file__)


def test_other_failed_imports_are_the_files_own_errors(tmp_path: Path) -> None:
    """If no module of that name is beside the file, a failed import is shown as Python shows it."""
    with pytest.raises(UserFileError, match="cannot import name 'mine' from 'json'"):
        load_file(write(tmp_path, "from json import mine"))


def test_errors_in_neighbours_are_the_users(tmp_path: Path) -> None:
    """What a module beside a file raises, at once or later, is shown from the user's first line on."""
    (tmp_path / "common.py").write_text("def f():\n    return 1 / 0\n")
    with pytest.raises(UserFileError) as caught:
        load_file(write(tmp_path, "import common\ncommon.f()\n"))
    assert caught.value.trace.index("mine.py") < caught.value.trace.index('common.py", line 2, in f')
    assert "load.py" not in caught.value.trace

    function = load_file(write(tmp_path, "from common import f\n"))["f"]
    with pytest.raises(UserFileError) as caught, own_errors(tmp_path / "mine.py"):
        function()
    assert 'common.py", line 2, in f' in caught.value.trace

    (tmp_path / "common.py").write_text("a = [\n")
    with pytest.raises(UserFileError, match="never closed"):
        load_file(write(tmp_path, "import common\n"))


def test_an_overlay(tmp_path: Path) -> None:
    """A file's function `overlay` can be applied over others."""
    overlay = load_overlay(write(tmp_path, "def overlay(final, prev): return {'b': lambda: prev.a + 1}\n"))

    assert fix(lambda _, __: {"a": lambda: 1}, overlay).b == 2


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("overlay = {}\n", id="value"),
        pytest.param("Overlay = 1\n", id="case"),
    ],
)
def test_no_overlay(tmp_path: Path, text: str) -> None:
    """A file without an overlay is named, and the hint shows how to define one."""
    file = write(tmp_path, text)
    with pytest.raises(NoOverlay) as caught:
        load_overlay(file)

    assert caught.value.file == str(file)
    assert "def overlay(final, prev)" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        pytest.param(
            "import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'", 1, id="import"
        ),
        pytest.param("\n\ndef f(): return 1 / 0\nf()\n", "ZeroDivisionError: division by zero", 3, id="function"),
        pytest.param("a = [\n", "SyntaxError: '[' was never closed", 1, id="syntax"),
        pytest.param(b"a = '\xff'\n", "SyntaxError: ", 0, id="encoding"),
        pytest.param("a = '\0'\n", "source code string cannot contain null bytes", 0, id="nul"),
        pytest.param("import sys\nsys.exit(3)\n", "SystemExit: 3", 2, id="exit"),
        pytest.param("def f(): f()\nf()\n", "RecursionError: maximum recursion depth exceeded", 1, id="recursion"),
        pytest.param("raise BaseExceptionGroup('x', [ValueError('y')])\n", "x (1 sub-exception)", 1, id="group"),
    ],
)
def test_errors_of_a_file_are_its_own(tmp_path: Path, text: str | bytes, problem: str, line: int) -> None:
    """An exception in a file is shown with a traceback that begins in the file and has no frames of ours."""
    file = write(tmp_path, text)
    with pytest.raises(UserFileError) as caught:
        load_file(file)

    assert problem in str(caught.value)
    assert str(file) in str(caught.value)
    assert "overlays/load.py" not in str(caught.value)
    assert not line or f"line {line}" in caught.value.trace


def test_our_errors_pass(tmp_path: Path) -> None:
    """One of our errors that a file causes passes unchanged."""
    file = write(tmp_path, "from store.errors import UsageError\nraise UsageError('that is wrong')\n")

    with pytest.raises(UsageError, match="that is wrong"):
        load_file(file)


def test_an_interrupt_passes(tmp_path: Path) -> None:
    """Ctrl-C while a file runs is not an error in the file."""
    with pytest.raises(KeyboardInterrupt):
        load_file(write(tmp_path, "raise KeyboardInterrupt\n"))


def test_errors_in_later_calls(tmp_path: Path) -> None:
    """What a file's function raises in a later call is shown in the same way."""
    file = write(tmp_path, "def f():\n    return 1 / 0\n")
    function = load_file(file)["f"]

    with pytest.raises(UserFileError) as caught, own_errors(file):
        function()
    assert "line 2, in f" in caught.value.trace


def test_missing(tmp_path: Path) -> None:
    """A file that cannot be read is named, with the reason."""
    with pytest.raises(UserFileMissing) as caught:
        load_file(tmp_path / "none.py")
    assert (caught.value.file, caught.value.reason) == (str(tmp_path / "none.py"), "no such file or directory")

    with pytest.raises(UserFileMissing) as caught:
        load_file(tmp_path)
    assert caught.value.reason == "is a directory"
