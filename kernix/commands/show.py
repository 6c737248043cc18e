"""`kernix show`: what a kernel or a derivation is."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import click

from derivations.linux.kernel import Kernel
from kernix.evaluation.attributes import target
from kernix.evaluation.definitions import definitions
from kernix.options import VerbCommand, attribute, evaluation
from kernix.output import describe
from kernix.realising import present


if TYPE_CHECKING:
    from derivations.derivation import Output
    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@click.command(cls=VerbCommand)
@attribute
@evaluation
@click.option("--json", "as_json", is_flag=True, help="Print the description as JSON.")
@click.pass_obj
def command(session: Session, /, *, attribute: str, as_json: bool, options: Options) -> None:
    """Describe ATTR: its version, source, patches, requested options, outputs and key.

    Nothing is built or fetched. Outputs that are already built are shown with their store paths.
    """
    with definitions(session, options) as names:
        found = target(names, attribute)
        value, derivation = found.value, found.output.derivation
        here = present(session, [derivation.output(name) for name in derivation.outputs])

        def place(output: Output) -> str | None:
            return str(session.store.path(here[output])) if output in here else None if as_json else "not built"

        shown = (
            describe.kernel_facts(value, place)
            if isinstance(value, Kernel)
            else describe.derivation_facts(derivation, place)
        )
    click.echo(json.dumps(shown, indent=2) if as_json else "\n".join(describe.lines(shown)))
