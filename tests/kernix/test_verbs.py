"""The table of verbs and the verbs themselves."""

from __future__ import annotations

import importlib

from pathlib import Path

import click
import pytest

from kernix import commands
from kernix.verbs import VERBS, module_of


def test_each_module_is_in_the_table() -> None:
    """Every module of `kernix.commands` is a verb, and every verb is one."""
    folder = Path(str(commands.__file__)).parent
    modules = {f"kernix.commands.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"}
    assert modules == {module_of(verb) for verb in VERBS}


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help(verb: str) -> None:
    """A verb says what it does, and each of its options too."""
    command: click.Command = importlib.import_module(module_of(verb)).command
    undocumented = [it.name for it in command.params if isinstance(it, click.Option) and not it.help]
    assert (bool(command.help), undocumented) == (True, [])
