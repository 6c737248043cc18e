"""`kernix cache remove`: remove a cache from the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix import cache_list
from kernix.output.messages import print_message


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("name")
@click.pass_obj
def command(session: Session, /, *, name: str) -> None:
    """Remove the cache NAME from the list; what is in it stays."""
    entry = cache_list.find(session, name)
    known = cache_list.entries(session)
    if entry not in known:
        raise cache_list.no_such_cache(session, name)
    cache_list.write(session, [it for it in known if it != entry])
    print_message(f"removed {entry.name}")
