"""`kernix config ATTR`: print the final .config of a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.derivation import Output
from derivations.fixpoint import UnknownAttribute
from derivations.suggest import suggestion
from kernix.building import realise
from kernix.commands.config.group import VERBS
from kernix.evaluation.attributes import NotBuildable, target
from kernix.evaluation.definitions import definitions
from kernix.options import VerbCommand, attribute, evaluation, realisation
from kernix.output.messages import show_file


if TYPE_CHECKING:
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command(cls=VerbCommand)
@attribute
@evaluation
@realisation
@click.pass_obj
def command(session: Session, /, *, attribute: str, options: Options, chosen: Chosen) -> None:
    """Print the .config of the kernel ATTR, resolved and checked; nothing is compiled."""
    with definitions(session, options) as names:
        try:
            configuration = getattr(target(names, attribute).value, "configuration", None)
        except UnknownAttribute as error:
            if meant := suggestion(attribute, VERBS):
                raise UnknownAttribute(error.attribute, f"{meant} A verb of `kernix config` takes an ATTR") from None
            raise
    if not isinstance(configuration, Output):
        message = f"`{attribute}` is not a kernel, so it has no configuration"
        raise NotBuildable(message)
    paths = realise(session, [configuration], **chosen)
    show_file(session.store.path(paths[configuration]).read_bytes())
