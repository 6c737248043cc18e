"""Resolving dotted names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.derivation import Derivation
from derivations.fixpoint import UnknownAttribute, fix
from derivations.source import text_file
from kernix.evaluation.attributes import Layers, NotBuildable, blame, follow, is_definition, members, read_file, target
from overlays.load import UserFileError, load_file
from store.errors import UsageError


if TYPE_CHECKING:
    from pathlib import Path


HELLO = text_file("hello", "hello")
TWO = Derivation(name="two", system="x86_64-linux", builder="/bin/sh", outputs=("out", "dev"))


class Kernel:
    """Something with outputs and tests, like a kernel."""

    version = "6.1"

    @property
    def out(self) -> object:
        """Return the default output."""
        return TWO.out

    @property
    def tests(self) -> dict[str, Derivation]:
        """Return the tests."""
        return {"boot": HELLO}


NAMES = {"hello": HELLO, "two": TWO, "kernel": Kernel(), "set": fix(lambda _final, _prev: {"inner": lambda: HELLO})}


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("hello", HELLO.out),
        ("hello.out", HELLO.out),
        ("two.dev", TWO.output("dev")),
        ("kernel", TWO.out),
        ("kernel.tests.boot", HELLO.out),
        ("set.inner", HELLO.out),
    ],
)
def test_names_lead_to_outputs(attribute: str, expected: object) -> None:
    """A dotted name leads through sets, kernels and derivations to an output."""
    assert expected == target(NAMES, attribute).output


@pytest.mark.parametrize(
    ("attribute", "unknown", "hint"),
    [
        pytest.param("helo", "helo", "did you mean `hello`?", id="near"),
        pytest.param("zzz", "zzz", "`kernix list` with the same options lists the attributes", id="far"),
        pytest.param("two.deb", "two.deb", "did you mean `dev`?", id="output"),
        pytest.param("kernel.tests.zzz", "kernel.tests.zzz", "it has boot", id="test"),
        pytest.param("", "", "`kernix list` with the same options lists the attributes", id="empty"),
        pytest.param("two..dev", "two.", "it has out, dev", id="two-dots"),
        pytest.param("hello.out.out", "hello.out.out", "it has no attributes", id="too-deep"),
    ],
)
def test_unknown_names_are_errors(attribute: str, unknown: str, hint: str) -> None:
    """An unknown name is reported, with a suggestion."""
    with pytest.raises(UnknownAttribute) as caught:
        follow(NAMES, attribute)
    assert (unknown, hint) == (caught.value.attribute, caught.value.hint)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("kernel.version", "`kernel.version` is not a kernel or a derivation (str)"),
        ("kernel.tests", "`kernel.tests` is not a kernel or a derivation (dict)"),
    ],
)
def test_not_buildable(attribute: str, message: str) -> None:
    """A version is a part of a kernel, and cannot be built."""
    with pytest.raises(NotBuildable) as caught:
        target(NAMES, attribute)
    assert message == caught.value.message


def test_the_error_for_a_set_names_its_members() -> None:
    """The error for a set names its members."""
    with pytest.raises(NotBuildable) as caught:
        target(NAMES, "set")
    assert caught.value.hint == "it has `set.inner`"


def test_members_of_a_value() -> None:
    """Methods that derive other kernels are not offered, nor are those of strings."""
    assert (members(Kernel()), members("text")) == (["out", "tests", "version"], [])


def test_layers_look_up_in_order() -> None:
    """The first layer that has a name provides its value."""
    layers = Layers({"a": 1}, {"a": 2, "b": 3})
    assert (layers["a"], layers["b"], list(layers)) == (1, 3, ["a", "b"])


def test_definitions_are_known_without_evaluating_them() -> None:
    """A kernel is recognised by its class, even if it cannot be evaluated."""

    class Broken:
        @property
        def out(self) -> object:
            raise AssertionError

    assert [is_definition(it) for it in (Broken(), HELLO, HELLO.out, Broken, "out")] == [True, True, True, False, False]


def test_attributes_of_a_file(hello: Path) -> None:
    """Kernels, derivations and sets of a file are attributes; modules, functions and numbers are not."""
    found = read_file(hello)
    assert (list(found.values), found.others["not_to_build"], found.overlay) == (["hello", "other"], 3, None)


def test_an_error_of_ours_names_the_users_line(tmp_path: Path) -> None:
    """An error in a call from a user's file is reported with file and line."""
    file = tmp_path / "mine.py"
    file.write_text("def call(function):\n    function()\n")
    call = load_file(file)["call"]

    def fail() -> None:
        message = "no such thing"
        raise UsageError(message)

    with pytest.raises(UsageError) as caught, blame():
        call(fail)
    assert [f"in {file}, line 2"] == caught.value.__notes__


def test_an_error_of_the_users_is_shown_as_python_shows_it(tmp_path: Path) -> None:
    """An exception that a user's file raises later, in a thunk, has the lines of that file and none of ours."""
    file = tmp_path / "mine.py"
    file.write_text("def call():\n    return 1 / 0\n")
    call = load_file(file)["call"]
    with pytest.raises(UserFileError) as caught, blame():
        call()
    assert ("line 2" in caught.value.trace, "attributes.py" in caught.value.trace) == (True, False)


def test_a_defect_of_ours_is_no_users_error() -> None:
    """An exception without a line of the user's passes unchanged."""
    with pytest.raises(ZeroDivisionError), blame():
        _ = 1 / 0
