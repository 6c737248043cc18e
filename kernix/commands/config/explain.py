"""`kernix config explain`: explain the value of an option."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import click

from derivations.hardware.makefiles.kbuild_map import Kbuild, kbuild_map
from derivations.kconfig.diagnosis.explain import explain
from kernix.building import realise
from kernix.configs.resolved import kernel, resolve
from kernix.evaluation.definitions import definitions
from kernix.options import VerbCommand, attribute, evaluation, realisation


if TYPE_CHECKING:
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command(cls=VerbCommand)
@attribute
@click.argument("option", metavar="OPTION")
@evaluation
@realisation
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
@click.pass_obj
def command(
    session: Session, /, *, attribute: str, option: str, as_json: bool, options: Options, chosen: Chosen
) -> None:
    """Show the value of OPTION in the kernel ATTR, and explain it.

    Shows who requests it and what blocks it; its prompt, help text and definition; its dependencies, with their
    values; what selects it and what it selects; and the objects that are compiled because of it. The CONFIG_ of
    OPTION may be left out.
    """
    with definitions(session, options) as names:
        found = resolve(session, attribute, kernel(names, attribute), chosen)
        map_ = kbuild_map(found.kernel.tree, found.model.srcarch).out
    text = session.store.path(realise(session, [map_], **chosen)[map_]).read_bytes()
    explanation = explain(
        option.removeprefix("CONFIG_"),
        found.model,
        found.values,
        found.merged_requests,
        lambda name: Kbuild.about(name, text).objects_of(name),
    )
    click.echo(json.dumps(explanation.to_json(), indent=2) if as_json else explanation.text)
