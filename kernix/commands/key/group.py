"""The group `kernix key`."""

from __future__ import annotations

import click

from kernix.lazy_group import LazyGroup


VERBS = {
    "distrust": "Trust a key no longer",
    "generate": "Make a key to sign with",
    "list": "List your keys, and those that you trust",
    "trust": "Believe what a key signs",
}


def module_of(verb: str) -> str:
    """Return the name of the module that has *verb* as its `command`."""
    return f"kernix.commands.key.{verb}"


@click.command(cls=LazyGroup, verbs=VERBS, module_of=module_of, subcommand_metavar="VERB …")
def command() -> None:
    """Make keys that sign what you share, and choose whose keys you trust.

    Keys are ed25519, in Nix's format. They are in `~/.config/kernix/keys`: NAME.secret is a secret key, which only you
    can read, and trusted/NAME.toml a key that you trust.
    """
