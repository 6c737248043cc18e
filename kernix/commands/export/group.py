"""The group `kernix export`."""

from __future__ import annotations

import click

from kernix.lazy_group import LazyGroup


VERBS = {
    "nix": "Write a binary cache that Nix reads",
    "tar": "Write a file that `kernix pull` reads",
}


def module_of(verb: str) -> str:
    """Return the name of the module that has *verb* as its `command`."""
    return f"kernix.commands.export.{verb}"


@click.group(cls=LazyGroup, verbs=VERBS, module_of=module_of, options_metavar="", subcommand_metavar="VERB …")
def command() -> None:
    """Copy objects, with everything that they refer to, to other systems."""
