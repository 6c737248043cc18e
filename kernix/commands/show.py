"""`kernix show`: describe a kernel or a derivation."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import click

from derivations.hardware import trim
from derivations.kconfig.symbols.values_table import Values
from derivations.linux.kernel import Kernel
from kernix.building import present
from kernix.evaluation.attributes import target
from kernix.evaluation.definitions import definitions
from kernix.evaluation.selection import completed
from kernix.options import VerbCommand, attribute, evaluation
from kernix.output import describe


if TYPE_CHECKING:
    from derivations.derivation import Output
    from kernix.evaluation.inputs import Options
    from kernix.session import Session


def _trim(session: Session, kernel: Kernel, fragment: Output, unknown: str | None) -> dict[str, Any]:
    """Return how many modules *kernel* drops by *fragment* and keeps, *unknown* without its configuration."""
    values = kernel.resolved.output("values")
    here = present(session, [fragment, values])
    if len(here) == 2:  # noqa: PLR2004 -- both of them
        text = session.store.path(here[fragment]).read_text(encoding="utf-8")
        counts: dict[str, Any] = trim.counts(text, Values.read(session.store.path(here[values])))
    else:
        counts = {"dropped": unknown, "kept": unknown}
    return {**counts, "keep_modules": list(kernel.arguments.keep_modules)}


@click.command(cls=VerbCommand)
@attribute
@evaluation
@click.option("--json", "as_json", is_flag=True, help="Print the description as JSON.")
@click.pass_obj
def command(session: Session, /, *, attribute: str, as_json: bool, options: Options) -> None:
    """Describe ATTR: its version, source, patches, requested options, outputs and key.

    Nothing is built or fetched. Outputs that are already built are shown with their store paths. For a kernel with `only_hardware`,
    the modules that it drops and keeps are counted once its configuration has been made.
    """
    with definitions(session, options) as names:
        found = target(names, attribute)
        value, derivation = found.value, found.output.derivation
        outputs = value.outputs.values() if isinstance(value, Kernel) else map(derivation.output, derivation.outputs)
        here = present(session, list(outputs))

        def place(output: Output) -> str | None:
            return str(session.store.path(here[output])) if output in here else None if as_json else "not built"

        if isinstance(value, Kernel):
            shown = describe.kernel_facts(value, place)
            if value.dropped_options is not None:
                check = completed(f"`kernix config check {attribute}`")
                shown["trim"] = _trim(
                    session, value, value.dropped_options, None if as_json else f"unknown until {check} has run"
                )
        else:
            shown = describe.derivation_facts(derivation, place)
    click.echo(json.dumps(shown, indent=2) if as_json else "\n".join(describe.lines(shown)))
