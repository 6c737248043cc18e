"""`kernix show`: what a kernel or a derivation is."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import click

from derivations.linux.kernel import Kernel
from kernix.building import present
from kernix.evaluation.attributes import target
from kernix.evaluation.definitions import definitions
from kernix.options import attribute, evaluation
from kernix.output import describe


if TYPE_CHECKING:
    from derivations.derivation import Output
    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@click.command
@attribute
@evaluation
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def command(session: Session, /, *, attribute: str, as_json: bool, options: Options) -> None:
    """Tell what ATTR is: version, source, patches, options asked for, outputs, key.

    Nothing is built or fetched; where an output is tells whether it is there.
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
