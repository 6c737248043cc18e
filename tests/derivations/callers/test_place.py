"""Places: the line of an option in the user's Python code."""

from __future__ import annotations

import textwrap

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.callers.place import Place, caller_place
from derivations.kconfig.language.fragment import Fragment
from overlays.load import load_file


if TYPE_CHECKING:
    from pathlib import Path


def test_the_line_of_a_key() -> None:
    """A fragment records the line of each option."""
    fragment = Fragment(
        "here",
        {
            "A": 1,
            "CONFIG_B": 2,
        },
    )
    first = test_the_line_of_a_key.__code__.co_firstlineno
    places = {name: clauses[0].request.origin.place for name, clauses in fragment.options.items()}

    assert places == {"A": f"test_place.py:{first + 5}", "B": f"test_place.py:{first + 6}"}


@pytest.mark.parametrize(
    ("source", "line"),
    [
        pytest.param('it = Fragment("x", {"A": 1})\n', 2, id="one-line"),
        pytest.param('it = Fragment(\n    "x",\n    {\n        "B": 1,\n        "A": 1,\n    },\n)\n', 6, id="several-lines"),
        pytest.param('OPTIONS = {\n    "A": 1,\n}\nit = Fragment("x", OPTIONS)\n', 3, id="constant"),
        pytest.param('OPTIONS = {\n    "A": 1,\n}\nit = Fragment("x", {**OPTIONS})\n', 3, id="spread"),
        pytest.param('OPTIONS = {\n    "A": 1,\n}\nit = [Fragment("x", OPTIONS), {"A": 2}][0]\n', 3, id="constant-beside-the-call"),
        pytest.param('OPTIONS = {\n    "A": 1,\n}\nit = [OPTIONS, Fragment("x", {"A": 2})][1]\n', 5, id="call-beside-a-constant"),
        pytest.param('A = {"A": 1}\nB = {"A": 2}\nit = Fragment("x", {**A, **B})\n', 4, id="twice-so-the-call"),
        pytest.param('other = Fragment("y", {"A": 2})\nit = Fragment("x", {"AB"[:1]: 1})\n', 3, id="computed-so-the-call"),
        pytest.param('it = Fragment(\n    "x", dict(\n        A=1,\n    ))\n', 4, id="keyword"),
        pytest.param('it = Fragment(\n    "x",\n    """\n    # CONFIG_B is not set\n    CONFIG_A=y\n""")\n', 6, id="text"),
        pytest.param('it = Fragment("x", """CONFIG_A=y""") or {\n    "A": 1,\n}\n', 2, id="text-and-not-a-key"),
        pytest.param('def make():\n    return Fragment("x", {"A": 1})\nit = make()\n', 3, id="function"),
    ],
)  # fmt: skip
def test_the_place_of_an_option(tmp_path: Path, source: str, line: int) -> None:
    """It is the line of the option's key in the call, or in a constant of the file, or else the line of the call."""
    file = tmp_path / "mine.py"
    file.write_text(f"from derivations import Fragment\n{source}")
    fragment = load_file(file)["it"]

    assert fragment.options["A"][0].request.origin.place == f"mine.py:{line}"


def test_an_unreadable_file() -> None:
    """If the file cannot be read, the place is that of the call."""
    assert Place("/nowhere/mine.py", 3, 5).of("A") == "mine.py:3"


def test_without_a_file() -> None:
    """Code typed at a prompt has no place."""
    names: dict[str, Fragment] = {}
    exec('it = Fragment("x", {"A": 1})', {"Fragment": Fragment}, names)  # noqa: S102 -- as a prompt does

    assert names["it"].options["A"][0].request.origin.place == ""


def test_machinery_is_skipped() -> None:
    """The place is that of the nearest call outside of the given modules."""

    def helper() -> Place | None:
        return caller_place([])

    def inner() -> Place | None:
        return caller_place([__name__])

    found, skipped = helper(), inner()

    assert found is not None
    assert found.first == helper.__code__.co_firstlineno + 1
    assert skipped is None or skipped.file != __file__


def test_attrs_is_skipped() -> None:
    """If attrs makes a new value, the place is that of the call to attrs."""

    @attrs.frozen
    class Holder:
        place: Place | None = attrs.field(converter=caller_place)

    evolved, here = attrs.evolve(Holder([]), place=[]), caller_place([])

    assert evolved.place == here


def test_a_file_with_a_syntax_error(tmp_path: Path) -> None:
    """A file that was edited and no longer parses is not an error."""
    file = tmp_path / "mine.py"
    file.write_text(textwrap.dedent("def ("))

    assert Place(str(file), 1, 1).of("A") == "mine.py:1"
