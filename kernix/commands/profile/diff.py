"""`kernix profile diff`: compare two generations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.realise.assemble_profile import read_profile
from kernix.output.printable import one_line
from kernix.profiles import difference_lines
from store import profiles


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("name")
@click.argument("first", metavar="A", type=click.IntRange(1))
@click.argument("second", metavar="B", type=click.IntRange(1))
@click.pass_obj
def command(session: Session, /, *, name: str, first: int, second: int) -> None:
    """Print how generation B of the profile NAME differs from generation A.

    Each line is a slot: `+` was added, `-` removed, `~` has another kernel, initramfs, modules or configuration.
    """
    profiles.check_profile_name(name)
    store = session.existing_store()
    if store is None:
        raise profiles.NoSuchProfile(name, ())
    old, new = (
        read_profile(store, profiles.generation(store.layout, name, number).target) for number in (first, second)
    )
    for line in difference_lines(old.differences(new)):
        click.echo(one_line(line))
