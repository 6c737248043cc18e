"""The group `kernix cache`."""

from __future__ import annotations

import click

from kernix.lazy_group import LazyGroup


VERBS = {
    "add": "Add a cache to the list",
    "gc": "Delete from a cache what is no longer needed",
    "info": "Show what is in a cache",
    "list": "List the caches",
    "remove": "Remove a cache from the list",
    "token": "Make tokens for those who write to a cache",
    "verify": "Check everything in a cache, and repair it",
}


def module_of(verb: str) -> str:
    """Return the name of the module that has *verb* as its `command`."""
    return f"kernix.commands.cache.{verb}"


@click.command(cls=LazyGroup, verbs=VERBS, module_of=module_of, subcommand_metavar="VERB …")
def command() -> None:
    """Share what is built: caches are directories or web servers with signed results.

    `kernix build` looks results up in the caches of the list, in their order, and fetches what a trusted key signed
    (`kernix key trust`). `kernix push` writes to a cache, `kernix pull` fetches from the caches.
    """
