"""`kernix profile remove`: remove kernels from a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.realise.assemble_profile import assemble
from kernix.output.messages import print_message
from kernix.profiles import described, profile_in_use
from kernix.session import NoStore
from store import profiles


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("name")
@click.argument("slots", metavar="SLOT…", nargs=-1, required=True)
@click.pass_obj
def command(session: Session, /, *, name: str, slots: tuple[str, ...]) -> None:
    """Remove the kernels in these SLOTs from the profile NAME.

    Earlier generations still have them.
    """
    profiles.check_profile_name(name)
    if (store := session.existing_store()) is None:
        raise NoStore(session.home)
    with profiles.changing(store.layout, name):
        profiles.generations(store.layout, name)  # the profile must exist
        old = profile_in_use(store, name)
        new = old.without(slots, name)
        generation = profiles.add_generation(store, name, assemble(store, new))
        profiles.switch(store, name, generation.number)
        print_message("\n".join(described(generation, name, old.differences(new))))
