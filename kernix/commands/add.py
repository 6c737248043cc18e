"""`kernix add`: put a file or a directory into the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix.options import PATH
from store.retention import Retention


if TYPE_CHECKING:
    from pathlib import Path

    from kernix.session import Session


@click.command
@click.argument("path", type=PATH)
@click.option("--name", help="Call the object so, instead of as the file is called.")
@click.pass_obj
def command(session: Session, /, *, path: Path, name: str | None) -> None:
    """Add the file or directory PATH to the store and print where it is.

    What is there already is not written again. `kernix roots add LINK` keeps it for good;
    without a root it stays as long as the retention of sources says.
    """
    added = session.store.add(path, name, retention=Retention.SOURCE)
    click.echo(session.store.path(added))
