"""`kernix export oci`: push objects to a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.realise.registry.push import push_oci
from derivations.realise.registry.reference import Reference
from kernix.evaluation import objects as named
from kernix.options import VerbCommand, evaluation, objects
from kernix.output.messages import print_message
from kernix.output.quantities import number, size
from kernix.registries import credential_files


if TYPE_CHECKING:
    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@click.command(cls=VerbCommand)
@click.argument("reference", metavar="oci://HOST/NAME:TAG")
@objects
@evaluation
@click.pass_obj
def command(session: Session, /, *, reference: str, objects: tuple[str, ...], options: Options) -> None:
    """Push objects that are built, with everything that they refer to, to a registry, as one artifact.

    It gets TAG, and the action keys of the objects as tags. Names and passwords are those of `skopeo login` and `docker login`.
    This machine's registries are spoken to without TLS; others only if the reference begins with oci+http.
    """
    goal = Reference.parse(reference)
    paths = named.find(session, options, objects)
    layers = push_oci(session.store, paths, goal, credentials=credential_files(session.environment))
    print_message(f"pushed {number(len(layers), 'object')}, {size(sum(it.size for it in layers))}")
    click.echo(goal)
