"""`kernix instantiate`: write derivations to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.realise.instantiate import instantiate
from kernix.evaluation.definitions import targets
from kernix.options import VerbCommand, attributes, evaluation
from kernix.output.printable import one_line


if TYPE_CHECKING:
    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@click.command(cls=VerbCommand)
@attributes
@evaluation
@click.pass_obj
def command(session: Session, /, *, attributes: tuple[str, ...], options: Options) -> None:
    """Write the derivation of each ATTR to the store and print its store path, without building it."""
    wanted = [target.output.derivation for target in targets(session, options, attributes)]
    paths = instantiate(session.store, wanted)
    for derivation in wanted:
        click.echo(one_line(session.store.path(paths[derivation])))
