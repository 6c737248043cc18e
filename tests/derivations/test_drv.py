"""The text of a derivation: unique, and parsed strictly."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hypothesis import given, settings

from derivations import drv
from derivations.derivation import Derivation, Hints, InvalidDerivation
from derivations.drv import InvalidDrv
from store.path import StorePath
from tests import strategies
from tests.fakes import path_of
from tests.golden.documents import digest, example


if TYPE_CHECKING:
    from collections.abc import Callable


ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
INPUT = StorePath("0" * 32, "input.drv")
VALID = {
    "kernix": 1,
    "name": "it",
    "system": "x86_64-linux",
    "builder": "/bin/sh",
    "args": [],
    "env": {},
    "mounts": {},
    "outputs": ["out"],
}


def loader(derivation: Derivation) -> Callable[[StorePath], Derivation]:
    """Return a function that reads the inputs of *derivation*."""
    return {path_of(it.derivation): it.derivation for it in derivation.inputs}.__getitem__


def load(text: object) -> Derivation:
    """Return the derivation parsed from the JSON value *text*, which may have the input `INPUT`."""
    return drv.loads(json.dumps(text).encode(), {INPUT: Derivation(name="in", system="s", builder="/b")}.__getitem__)


@settings(max_examples=30)
@given(strategies.derivations)
def test_round_trip(derivation: Derivation) -> None:
    """A written derivation is parsed as an equal one, including hints, and written as the same bytes again."""
    written = drv.dumps(derivation, path_of)
    back = drv.loads(written, loader(derivation))

    assert derivation == back
    assert derivation.hints == back.hints
    assert derivation.env == back.env
    assert written == drv.dumps(back, path_of)


@settings(max_examples=30)
@given(strategies.derivations)
def test_inputs(derivation: Derivation) -> None:
    """The inputs of a text are those of the derivation, in order, each once."""
    assert sorted({path_of(it.derivation) for it in derivation.inputs}) == list(
        drv.inputs(drv.dumps(derivation, path_of))
    )


def test_golden() -> None:
    """The example's text is the golden one, byte for byte, and the golden one is parsed as the example."""
    golden = (GOLDEN / "example.drv").read_bytes()

    assert golden == drv.dumps(example(), path_of)
    assert example() == drv.loads(golden, loader(example()))


@pytest.mark.parametrize(
    ("environment", "directory"),
    [
        pytest.param({"PYTHONHASHSEED": "0"}, "/", id="seed-0"),
        pytest.param({"PYTHONHASHSEED": "12345"}, "/tmp", id="another-seed-and-directory"),
        pytest.param({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "/", id="locale-C"),
        pytest.param(
            {"LC_ALL": "en_US.ISO-8859-1", "LANG": "tr_TR.ISO-8859-9", "TZ": "Asia/Kathmandu"}, "/", id="latin-1"
        ),
        pytest.param({"HOME": "/nowhere", "USER": "nobody", "LOGNAME": "nobody"}, "/", id="user"),
    ],
)
def test_the_bytes_are_the_same_everywhere(environment: dict[str, str], directory: str) -> None:
    """Hash seed, locale, directory and user do not affect the bytes of evaluated definitions."""
    program = "from tests.golden.documents import digest; print(digest())"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        text=True,
        capture_output=True,
        check=False,
    )

    assert (result.stdout, result.stderr) == (f"{digest()}\n", "")


def test_hints_at_their_defaults_are_not_written() -> None:
    """A derivation without hints has a text without them."""
    derivation = Derivation(name="it", system="x86_64-linux", builder="/bin/sh")

    assert json.loads(drv.dumps(derivation, path_of)) == VALID
    assert load(VALID).hints == Hints()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param(
            {"kernix": 2}, "version 2 of the format is not supported; this kernix reads version 1", id="newer"
        ),
        pytest.param({"kernix": None}, "version None of the format", id="no-version"),
        pytest.param({"kernix": True}, "expected int, got bool @ $.kernix", id="version-is-true"),
        pytest.param({"name": 3}, "expected str, got int @ $.name", id="name-is-number"),
        pytest.param({"args": "abc"}, "expected list, got str @ $.args", id="args-is-text"),
        pytest.param({"args": [1]}, "expected str, got int @ $.args", id="number-in-args"),
        pytest.param({"args": {"a": "b"}}, "expected list, got dict @ $.args", id="args-is-object"),
        pytest.param({"env": {"A": 1}}, "expected str, got int @ $.env['A']", id="number-in-env"),
        pytest.param({"env": []}, "expected a mapping @ $.env", id="env-is-list"),
        pytest.param({"mounts": {"/a": "ab"}}, "expected list, got str @ $.mounts['/a']", id="mount-is-text"),
        pytest.param({"mounts": {"/a": [str(INPUT)]}}, "expected 2 values, got 1 @ $.mounts['/a']", id="no-output"),
        pytest.param({"mounts": {"/a": ["x", "out"]}}, "invalid store path 'x'", id="no-path"),
        pytest.param({"fixed": ["flat"]}, "expected 2 values, got 1 @ $.fixed", id="fixed-without-hash"),
        pytest.param({"fixed": "ab"}, "expected list, got str @ $.fixed", id="fixed-is-text"),
        pytest.param({"hints": {"retention": "x"}}, "@ $.hints.retention", id="unknown-retention"),
        pytest.param(
            {"hints": {"timeout": True}}, "expected a number, got bool @ $.hints.timeout", id="timeout-is-true"
        ),
        pytest.param({"hints": {"kvm": 1}}, "expected bool, got int @ $.hints.kvm", id="kvm-is-number"),
        pytest.param({"hints": {"color": 1}}, "extra fields found (color) @ $.hints", id="unknown-hint"),
        pytest.param({"more": 1}, "extra fields found (more) @ $", id="unknown-member"),
    ],
)
def test_invalid_texts(changes: dict[str, Any], problem: str) -> None:
    """A text with unknown members, or members of the wrong type, is rejected with the place; `inputs` does the same."""
    text = {**VALID, **changes}
    with pytest.raises(InvalidDrv) as caught:
        load(text)
    with pytest.raises(InvalidDrv):
        drv.inputs(json.dumps(text).encode())

    assert problem in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"Derive([])", id="nix"),
        pytest.param(b"\xff\xfe", id="not-utf-8"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"kernix":NaN}', id="nan"),
        pytest.param(json.dumps(VALID).encode()[:-1], id="cut-off"),
    ],
)
def test_invalid_json(data: bytes) -> None:
    """Bytes that are not such a JSON text are rejected with an error of ours."""
    with pytest.raises(InvalidDrv):
        drv.loads(data, dict[StorePath, Derivation]().__getitem__)
    with pytest.raises(InvalidDrv):
        drv.inputs(data)


def test_all_problems_at_once() -> None:
    """All problems of a text are reported, each with its place."""
    with pytest.raises(InvalidDrv) as caught:
        load({**VALID, "name": 1, "args": 2, "hints": {"kvm": 3}})

    assert [it.partition(" @ ")[2] for it in caught.value.problems] == ["$.name", "$.args", "$.hints.kvm"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"builder": "sh"}, id="builder"),
        pytest.param({"outputs": []}, id="no-outputs"),
        pytest.param({"name": "a/b"}, id="name"),
        pytest.param({"mounts": {"/a": [str(INPUT), "doc"]}}, id="no-such-output"),
        pytest.param({"fixed": ["flat", "x"]}, id="hash"),
    ],
)
def test_valid_texts_of_invalid_derivations(changes: dict[str, Any]) -> None:
    """A text that describes an invalid derivation is rejected like the derivation itself."""
    with pytest.raises(InvalidDerivation):
        load({**VALID, **changes})
