"""`kernix key generate`: make a key to sign with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix.keys import keyring
from kernix.output.messages import print_message
from kernix.output.printable import one_line


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("name")
@click.pass_obj
def command(session: Session, /, *, name: str) -> None:
    """Make a key called NAME, and print its public half.

    Others trust it with `kernix key trust`. The secret half is in a file that only you can read; an existing key is
    never overwritten. A good NAME says who signs, with a number for the next key: `builder-1`.
    """
    keys = keyring(session)
    public = keys.generate(name)
    print_message(f"the secret key is in {one_line(keys.secret_file(name))}")
    print_message(f"to believe what it signs on this machine: `kernix key trust {name}`")
    click.echo(str(public))
