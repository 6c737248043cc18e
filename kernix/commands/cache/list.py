"""`kernix cache list`: list the caches."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import click

from derivations.fetch import without_credentials
from kernix import cache_list
from kernix.output.printable import one_line
from kernix.output.table import rows


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_obj
def command(session: Session, /, *, as_json: bool) -> None:
    """List the caches, in the order in which they are asked."""
    found = [(it.name, without_credentials(it.url)) for it in cache_list.entries(session)]
    if as_json:
        click.echo(json.dumps([{"name": name, "url": url} for name, url in found], indent=2))
        return
    for line in rows(found):
        click.echo(one_line(line))
