"""`kernix config search`: find options by name, as with `/` in menuconfig."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import click

from derivations.kconfig.symbols.search import search
from kernix.configs.resolved import kernel, resolve
from kernix.evaluation.definitions import definitions
from kernix.options import VerbCommand, attribute, evaluation, realisation
from kernix.output.messages import print_message
from kernix.output.table import rows


if TYPE_CHECKING:
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command(cls=VerbCommand)
@attribute
@click.argument("pattern", metavar="PATTERN")
@evaluation
@realisation
@click.option("--prompts", is_flag=True, help="Search the prompts, as menuconfig shows them, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the options as JSON.")
@click.pass_obj
def command(
    session: Session, /, *, attribute: str, pattern: str, prompts: bool, as_json: bool, options: Options, chosen: Chosen
) -> None:
    """Find options whose names match the regular expression PATTERN, with their values in the kernel ATTR.

    As with `/` in menuconfig, case does not matter; `^NET$` matches NET alone.
    """
    with definitions(session, options) as names:
        found = resolve(session, attribute, kernel(names, attribute), chosen)
    hits = search(pattern, found.model, found.values, prompts=prompts)
    if as_json:
        click.echo(json.dumps([it.to_json() for it in hits], indent=2))
    elif hits:
        click.echo("\n".join(rows([(it.option, it.value, it.prompt or "(no prompt)", it.place) for it in hits])))
    else:
        print_message(f"no option of {attribute} matches {pattern!r}")
