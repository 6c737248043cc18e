"""`kernix key distrust`: trust a key no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix.keys import keyring


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("name")
@click.pass_obj
def command(session: Session, /, *, name: str) -> None:
    """Trust the key NAME no longer.

    What was taken because it signed it stays in the store: `kernix build --check` builds such things again.
    """
    keyring(session).distrust(name)
