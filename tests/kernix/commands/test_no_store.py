"""Without a store: verbs that only read do not create one, and a directory that is not a store is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


PATH = "0" * 32 + "-x"

READING = {
    "list": (["list", "-f", "hello.py"], 0),
    "show": (["show", "-f", "hello.py", "hello"], 0),
    "show-json": (["show", "-f", "hello.py", "hello", "--json"], 0),
    "show-of-a-source": (["show", "-f", "source.py", "tree"], 0),
    "path-info": (["path-info", "-f", "hello.py", "hello"], 1),
    "path-info-path": (["path-info", PATH], 1),
    "path-info-digest": (["path-info", PATH[:32]], 1),
    "path-info-link": (["path-info", "./link"], 2),
    "why-depends": (["why-depends", "-f", "hello.py", "hello", "other"], 1),
    "why-depends-derivation": (["why-depends", "--derivation", "-f", "hello.py", "hello", "other"], 1),
    "why-rebuild": (["why-rebuild", "-f", "hello.py", "hello", "other"], 1),
    "log": (["log", "-f", "hello.py", "hello"], 1),
    "log-path": (["log", PATH], 1),
    "roots": (["roots"], 0),
    "roots-json": (["roots", "--json"], 0),
    "roots-list": (["roots", "list"], 0),
    "roots-add": (["roots", "add", "link"], 1),
    "roots-remove": (["roots", "remove", "link"], 1),
    "gc": (["gc"], 0),
    "gc-dry-run": (["gc", "--dry-run"], 0),
    "verify": (["verify"], 0),
    "verify-contents": (["verify", "--contents"], 0),
    "verify-rebuild": (["verify", "--rebuild"], 0),
    "build-dry-run": (["build", "--dry-run", "-f", "hello.py", "hello"], 0),
    "doctor": (["doctor"], 0),
    "config-import": (["config", "import", "x.config"], 0),
}

SOURCE = """
from derivations.source import local_source

tree = local_source("tree")
"""


@pytest.fixture
def files(kernix: CommandLine, hello: Path) -> Path:
    """Write the files that the verbs are run on."""
    kernix.write("source.py", SOURCE)
    kernix.write("tree/file", "x")
    kernix.write("x.config", "CONFIG_64BIT=y\n")
    (kernix.work / "link").symlink_to("/etc")
    return hello


@pytest.mark.parametrize("state", ["absent", "empty"])
@pytest.mark.parametrize("name", READING)
@pytest.mark.usefixtures("files")
def test_reading_verbs_create_no_store(kernix: CommandLine, name: str, state: str) -> None:
    """A verb that only reads prints its result, or an error, and creates no store."""
    words, code = READING[name]
    if state == "empty":
        kernix.home.mkdir()
    ran = kernix(*words)
    assert ran.code == code, ran
    assert (code != 0) == ran.err.startswith("error: ")
    assert [] == [*kernix.home.iterdir()] if state == "empty" else not kernix.home.exists()


@pytest.mark.parametrize("words", [["gc"], ["gc", "--all"], ["roots"], ["verify"], ["verify", "--rebuild"], ["add", "x.config"],
                                   ["build", "-f", "hello.py", "hello"], ["path-info", PATH]], ids=" ".join)  # fmt: skip
@pytest.mark.usefixtures("files")
def test_a_directory_of_the_users_is_left_alone(kernix: CommandLine, words: list[str]) -> None:
    """No verb uses a directory with other files in it as a store."""
    for name in ("builds/mine", "trash/mine", "notes"):
        (kernix.home / name).parent.mkdir(parents=True, exist_ok=True)
        (kernix.home / name).write_text("mine")
    ran = kernix(*words)
    assert (
        1,
        f"error: {kernix.home} is not a kernix store, and it is not empty: it holds 'builds', 'notes', 'trash'",
    ) == (
        ran.code,
        ran.err.splitlines()[0],
    )
    assert {"builds", "trash", "notes", "mine"} == {it.name for it in kernix.home.rglob("*")}
