"""`kernix add`: put a file or a directory into the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernix.options import PATH
from kernix.output.printable import one_line
from store import path as store_path
from store.errors import Error
from store.gc.retention import Retention


if TYPE_CHECKING:
    from kernix.session import Session


class UnfitObjectName(Error):
    """The name of a file is not valid for a store object."""

    name: str
    reason: str
    fitting: str

    def __str__(self) -> str:
        return f"invalid store path {self.name!r}: {self.reason}"

    @property
    def hint(self) -> str:
        """Name the option for another name."""
        return f"give it another name, such as `--name {self.fitting}`"


@click.command
@click.argument("path", type=PATH)
@click.option("--name", metavar="NAME", help="Name the object NAME rather than after the file.")
@click.pass_obj
def command(session: Session, /, *, path: Path, name: str | None) -> None:
    """Add the file or directory PATH to the store and print its store path.

    What the store already has is not written again. `kernix roots add LINK` keeps the object for good;
    without a root, `kernix gc` deletes it when the retention time of sources has passed.
    """
    name = check_name(path, name)
    added = session.store.add(path, name, retention=Retention.SOURCE)
    click.echo(one_line(session.store.path(added)))


def check_name(path: Path, name: str | None) -> str:
    """Return *name*, by default the name of *path*, if it is valid for an object.

    Raises:
        UnfitName: it is not valid.
    """
    # A path that ends in `..` has the name of the directory that it resolves to.
    chosen = name if name is not None else (Path.cwd() / path if path.name != ".." else path.resolve()).name
    try:
        return store_path.check_name(chosen)
    except store_path.InvalidStorePath as error:
        raise UnfitObjectName(chosen, error.reason, store_path.fitting_name(chosen)) from None
