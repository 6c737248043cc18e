"""The pages are correct: verbs, options, settings and arguments are documented, command lines parse, links work."""

from __future__ import annotations

import contextlib
import importlib
import re
import subprocess
import sys

from inspect import signature
from typing import TYPE_CHECKING

import click
import pytest

from click.testing import CliRunner

from derivations.debian.sets import SETS
from derivations.kconfig import fragments
from derivations.linux.arguments import NAMES
from derivations.linux.boot_test import boot_test
from derivations.linux.module_closure import module_closure
from derivations.linux.request_test import request_test
from kernix import config_file
from kernix.cli import kernix
from kernix.evaluation.inputs import bundled_overlays
from kernix.output.messages import usage_sentence
from kernix.verbs import VERBS
from store.gc.retention import Retention
from tests.pages import FENCE, PAGES, ROOT, Command, blocks, shown, text


if TYPE_CHECKING:
    from pathlib import Path


HOSTS = {"mirror.example", "127.0.0.1", "kernel.org", "cdn.kernel.org", "git.kernel.org", "keepachangelog.com"}
"""The hosts that pages may mention: none of them is a registry of packages."""

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`(kernix [^`]+)`")
_HOST = re.compile(r"(?:https?://|\b)((?:[a-z0-9-]+\.)+(?:com|dev|example|io|net|org))\b")
SETTINGS = [
    *config_file._SETTINGS,
    *config_file._LIMITS,
    *config_file._BOUNDS,
    *config_file._OTHERS,
    *config_file._COLLECTION,
    *config_file._LOGS,
    *config_file._KEPT,
    *config_file._SIGNING,
]
_MACHINE_PATH = re.compile(r"(?<![\w~.])/(?:data|home|mnt|root|work)/|/tmp/\w")
_FEWEST = 20


def mentioned() -> list[Command]:
    """Return the command lines that the pages' sentences mention."""
    return [Command(page.name, span) for page in PAGES for span in _SPAN.findall(FENCE.sub("", text(page)))]


def parsed(words: list[str]) -> None:
    """Parse *words* like `kernix`, without running them.

    Raises:
        ClickException: they are not a valid command line.
    """
    command: click.Command | None = kernix
    context = click.Context(kernix, info_name="kernix")
    while words and isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, words)
        assert command is not None
        context = command.make_context(name, list(words), parent=context)


def refused(words: list[str]) -> str | None:
    """Return kernix' error for *words* if they are not a valid command line."""
    try:
        parsed(words)
    except click.ClickException as error:
        return usage_sentence(error)[0]
    return None


def commands() -> dict[str, click.Command]:
    """Return every verb and subcommand, by its words."""
    context = click.Context(kernix)
    found: dict[str, click.Command] = {}
    for verb in VERBS:
        command = kernix.get_command(context, verb)
        assert command is not None
        found[verb] = command
        if isinstance(command, click.Group):
            names = command.list_commands(context)
            found |= {f"{verb} {name}": inner for name in names if (inner := command.get_command(context, name))}
    return found


@pytest.fixture(scope="module")
def everything() -> str:
    """Return all pages below docs/ as one text."""
    return "\n".join(text(page) for page in PAGES if page.parent.name == "docs")


def test_pages() -> None:
    """The pages contain commands and links to check."""
    assert len(PAGES) > 10
    assert len(shown()) > _FEWEST
    assert len(mentioned()) > _FEWEST


@pytest.mark.parametrize("words", [pytest.param(words, id=words) for words in commands()])
def test_verb(words: str, everything: str) -> None:
    """Every verb is documented in the pages, and its help describes it and each option."""
    command = commands()[words]
    assert f"kernix {words}" in everything
    assert command.help
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []
    result = CliRunner().invoke(kernix, [*words.split(), "--help"])
    assert (result.exit_code, "Usage: " in result.output) == (0, True)


@pytest.mark.parametrize("words", [pytest.param(words, id=words) for words in commands()])
def test_options(words: str, everything: str) -> None:
    """Every option of a verb is documented in the pages."""
    options = [option for option in commands()[words].params if isinstance(option, click.Option)]
    missing = [
        name for option in options for name in option.opts if not re.search(rf"(?<![\w-]){name}(?![\w-])", everything)
    ]
    assert missing == []


@pytest.mark.parametrize("command", [pytest.param(it, id=str(it)) for it in shown()])
def test_shown_command(command: Command) -> None:
    """Every command line in a console block parses, or fails as the page shows."""
    sentence = refused(command.words)
    assert sentence is None or f"error: {sentence}\n" in command.printed


@pytest.mark.parametrize("command", [pytest.param(it, id=str(it)) for it in mentioned()])
def test_mentioned_command(command: Command) -> None:
    """Every command line in a sentence has an existing verb and options."""
    meant = {"SHELL": "bash", "TIME": "1", "SIZE": "1"}
    words = [meant.get(word, word) for word in command.words if word != "--help"]
    # A sentence may mention only a verb.
    with contextlib.suppress(click.MissingParameter):
        parsed(words)


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_links(page: Path) -> None:
    """Every link in a page to another page, or to a heading, works."""
    lost = []
    for target in _LINK.findall(FENCE.sub("", text(page))):
        place, _, anchor = target.partition("#")
        if "://" in target:
            continue
        file = page if not place else (page.parent / place).resolve()
        if not file.is_relative_to(ROOT) or not file.is_file() or (anchor and anchor not in headings(file)):
            lost.append(target)
    assert lost == []


def headings(page: Path) -> list[str]:
    """Return the anchors of the headings of *page*, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", FENCE.sub("", text(page)), flags=re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found]


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_settings(page: Path) -> None:
    """Every TOML block of a page is a valid configuration."""
    for block in blocks(page, "toml"):
        assert config_file.parse(block, page) != config_file.Configuration()


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_places(page: Path) -> None:
    """A page mentions only allowed hosts, and no path of the machine it was written on."""
    named = {host for host in _HOST.findall(text(page)) if host not in HOSTS and not host.endswith(".py")}
    assert named == set()
    assert _MACHINE_PATH.findall(text(page)) == []


def test_example_runs(tmp_path: Path) -> None:
    """The first example of docs/python.md prints the output in its comments."""
    page = ROOT / "docs/python.md"
    script = tmp_path / "example.py"
    script.write_text(blocks(page, "python")[0], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script],
        env={"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, blocks(page, "text")[0], "")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        pytest.param("kernels.md", NAMES, id="arguments"),
        pytest.param("kernels.md", bundled_overlays(), id="overlays"),
        pytest.param("configuration.md", fragments.__all__, id="fragments"),
        pytest.param("closure.md", [*signature(module_closure).parameters], id="closures"),
        pytest.param("boot-tests.md", [*signature(boot_test).parameters], id="boot-tests"),
        pytest.param("closure.md", [*signature(request_test).parameters], id="requests"),
        pytest.param("build.md", SETTINGS, id="settings"),
        pytest.param("garbage.md", list(Retention), id="retention"),
        pytest.param("toolchain.md", list(SETS), id="sets"),
    ],
)
def test_complete(page: str, words: list[str]) -> None:
    """A page documents every item of its subject."""
    content = text(ROOT / "docs" / page)
    assert [word for word in words if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", content)] == []


def test_reference() -> None:
    """Every name in the table of docs/python.md is in the module given there."""
    rows = re.findall(r"^\| `([\w.]+)` \| (.*) \|$", text(ROOT / "docs/python.md"), re.MULTILINE)
    names = [(module, name) for module, cell in rows for name in re.findall(r"`(\w+)", cell) if name != "listener"]
    assert len(names) > _FEWEST
    assert [(module, name) for module, name in names if not hasattr(importlib.import_module(module), name)] == []
