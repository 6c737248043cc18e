"""The group `kernix profile`."""

from __future__ import annotations

import click

from kernix.lazy_group import LazyGroup


VERBS = {
    "delete-generations": "Delete generations that are not in use",
    "diff": "Compare two generations",
    "generations": "List the generations of a profile",
    "install": "Add kernels to a profile, or replace them",
    "list": "List the profiles and their kernels",
    "remove": "Remove kernels from a profile",
    "rollback": "Use the generation before the one in use",
    "switch": "Use another generation",
}


def module_of(verb: str) -> str:
    """Return the name of the module that has *verb* as its `command`."""
    return f"kernix.commands.profile.{verb.replace('-', '_')}"


@click.command(cls=LazyGroup, verbs=VERBS, module_of=module_of, subcommand_metavar="VERB …")
def command() -> None:
    """Keep kernels side by side under stable names, with generations to go back to.

    A profile holds kernels, each in a slot: `profiles/NAME/bin/kernel-6-12-117-micro` in the home of the store leads to
    the image in that slot, `initrd-…` and `modules-…` to what belongs to it. Each change makes a generation. All generations are
    kept, and keep their kernels from `kernix gc`, until they are deleted.
    """
