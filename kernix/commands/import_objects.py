"""`kernix import`: fetch objects from a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.realise.registry.pull import pull_oci
from derivations.realise.registry.reference import Reference
from kernix.output.messages import print_message
from kernix.output.printable import one_line
from kernix.output.quantities import number, size
from kernix.registries import credential_files


if TYPE_CHECKING:
    from kernix.session import Session
    from store.exports.oci import Layer


@click.command("import")
@click.argument("reference", metavar="oci://HOST/NAME:TAG")
@click.pass_obj
def command(session: Session, /, *, reference: str) -> None:
    """Fetch the objects that `kernix export oci` has pushed to a registry, and print where they are.

    Each is checked against the digest in its path before it is registered. It is an object like any other, and not believed to be
    the result of a build.
    """
    fetched: list[Layer] = []
    paths = pull_oci(
        session.store,
        Reference.parse(reference),
        credentials=credential_files(session.environment),
        bounds=session.settings().bounds,
        each=fetched.append,
    )
    print_message(f"fetched {number(len(fetched), 'object')}, {size(sum(it.size for it in fetched))}")
    for path in paths:
        click.echo(one_line(session.store.path(path)))
