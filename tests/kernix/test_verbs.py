"""The tables of verbs and the verbs themselves."""

from __future__ import annotations

import importlib

from pathlib import Path

import click
import pytest

from derivations.systems import MACHINES
from kernix import commands
from kernix.commands.config import group
from kernix.commands.export import group as export_group
from kernix.commands.profile import group as profile_group
from kernix.evaluation.inputs import SYSTEMS
from kernix.verbs import VERBS, module_of


def test_each_module_is_in_the_table() -> None:
    """The modules of `kernix.commands` and the verbs are the same."""
    folder = Path(str(commands.__file__)).parent
    found = [*folder.glob("*.py"), *(it.parent for it in folder.glob("*/__init__.py"))]
    modules = {f"kernix.commands.{path.stem}" for path in found if path.stem != "__init__"}
    assert modules == {module_of(verb) for verb in VERBS}


def test_each_module_is_in_the_table_of_configurations() -> None:
    """The modules of `kernix.commands.config`, except for the group and its default, and its verbs are the same."""
    folder = Path(str(commands.__file__)).parent / "config"
    modules = {f"kernix.commands.config.{path.stem}" for path in folder.glob("*.py")}
    others = {f"kernix.commands.config.{name}" for name in ("__init__", "group", "show")}
    assert modules - others == {group.module_of(verb) for verb in group.VERBS}


def test_each_module_is_in_the_table_of_profiles() -> None:
    """The modules of `kernix.commands.profile`, except for the group, and its verbs are the same."""
    folder = Path(str(commands.__file__)).parent / "profile"
    modules = {f"kernix.commands.profile.{path.stem}" for path in folder.glob("*.py")}
    others = {f"kernix.commands.profile.{name}" for name in ("__init__", "group")}
    assert modules - others == {profile_group.module_of(verb) for verb in profile_group.VERBS}


def test_each_module_is_in_the_table_of_exports() -> None:
    """The modules of `kernix.commands.export`, except for the group, and its verbs are the same."""
    folder = Path(str(commands.__file__)).parent / "export"
    modules = {f"kernix.commands.export.{path.stem}" for path in folder.glob("*.py")}
    others = {f"kernix.commands.export.{name}" for name in ("__init__", "group")}
    assert modules - others == {export_group.module_of(verb) for verb in export_group.VERBS}


@pytest.mark.parametrize(
    "module",
    [
        *map(module_of, VERBS),
        *map(group.module_of, group.VERBS),
        *map(profile_group.module_of, profile_group.VERBS),
        *map(export_group.module_of, export_group.VERBS),
    ],
)
def test_each_verb_has_help(module: str) -> None:
    """A verb and each of its options have a help text."""
    command: click.Command = importlib.import_module(module).command
    undocumented = [it.name for it in command.params if isinstance(it, click.Option) and not it.help]
    assert (bool(command.help), undocumented) == (True, [])


def test_every_system_can_be_named() -> None:
    """`--system` accepts each system that has a toolchain, and defaults to the most common one."""
    assert set(SYSTEMS) == set(MACHINES)
    assert SYSTEMS[0] == "x86_64-linux"
