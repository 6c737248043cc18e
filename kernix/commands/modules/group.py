"""The group `kernix modules`."""

from __future__ import annotations

import click

from kernix.lazy_group import LazyGroup


VERBS = {
    "closure": "List modules with everything that they need, in load order",
}


def module_of(verb: str) -> str:
    """Return the name of the module that has *verb* as its `command`."""
    return f"kernix.commands.modules.{verb}"


@click.group(cls=LazyGroup, verbs=VERBS, module_of=module_of, options_metavar="", subcommand_metavar="VERB …")
def command() -> None:
    """Show what the modules of a kernel need."""
