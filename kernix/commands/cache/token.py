"""`kernix cache token`: make, list and remove the tokens of those who write to a cache that is served."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernix import places
from kernix.output.messages import print_message
from kernix.output.table import rows
from kernix.serve.tokens import Token, TokenFile
from store.errors import UsageError


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("name", required=False)
@click.option("--write", is_flag=True, help="Let it write and delete, too.")
@click.option("--remove", is_flag=True, help="Remove the token; a running server refuses it at once.")
@click.option(
    "--tokens",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file.  [default: tokens.json beside config.toml]",
)
@click.pass_obj
def command(session: Session, /, *, name: str | None, write: bool, remove: bool, tokens: Path | None) -> None:
    """Make a token for NAME and print it, once; without NAME, list whose tokens `kernix serve` accepts.

    Only the hash of the token is kept. A NAME that has a token gets a new one instead.
    """
    file = TokenFile(tokens or session.config_home / places.TOKENS)
    known = file.read()
    if name is None:
        if write or remove:
            message = "--write and --remove need a NAME"
            raise UsageError(message)
        for line in rows([(it.name, "reads and writes" if it.write else "reads") for it in known]):
            click.echo(line)
        return
    others = [it for it in known if it.name != name]
    if remove:
        if len(others) == len(known):
            message = f"there is no token {name[:80]!r}"
            raise UsageError(message, "`kernix cache token` lists them")
        file.write(others)
        print_message(f"removed the token of {name}")
        return
    token, text = Token.make(name, write=write)
    file.write([*others, token])
    click.echo(text)
