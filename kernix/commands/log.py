"""`kernix log`: what a builder wrote."""

from __future__ import annotations

import sys

from typing import TYPE_CHECKING

import click

from derivations.realise.log import log_path, read_log
from kernix.definitions import targets
from kernix.drvs import deriver, load
from kernix.messages import say
from kernix.objects import by_path
from kernix.options import complete_attributes, evaluation
from kernix.printable import below
from kernix.realising import present
from store.registration import ObjectMissing


if TYPE_CHECKING:
    from derivations.derivation import Derivation
    from kernix.inputs import Options
    from kernix.session import Session


@click.command
@click.argument("name", metavar="ATTR|PATH", shell_complete=complete_attributes)
@evaluation
@click.option("--raw", is_flag=True, help="Print the bytes as the builder wrote them, control characters included.")
@click.pass_obj
def command(session: Session, /, *, name: str, raw: bool, options: Options) -> None:
    r"""Print the log of what built ATTR, or the store object PATH.

    Control characters are shown as `\u001b`, so that a builder's words cannot do anything to a terminal.
    """
    derivation = _built(session, options, name)
    log = read_log(session.layout.logs, derivation.key, derivation.name)
    if not log:
        say(f"the builder of {derivation.name} wrote nothing")
    if raw:
        click.echo(log, file=below(sys.stdout), nl=False)
    else:
        click.echo(log.replace(b"\r\n", b"\n").decode(errors="backslashreplace"), nl=False)


def _built(session: Session, options: Options, name: str) -> Derivation:
    """Return the derivation whose builder wrote the log that *name* asks for."""
    store = session.existing_store()
    if (path := by_path(session, name)) is not None:
        if store is None:
            raise ObjectMissing(path)
        return load(store, deriver(store, path))
    output = targets(session, options, [name])[0].output
    if store is not None and not log_path(store.layout.logs, output.derivation.key).exists():
        # A result that was found by equal inputs was built, and logged, for another derivation.
        made = present(session, [output]).get(output)
        if made is not None and store.info(made).deriver is not None:
            return load(store, deriver(store, made))
    return output.derivation
