"""`kernix profile switch`: use another generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix.output.messages import print_message
from kernix.profiles import described, profile_in_use
from store import profiles


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("name")
@click.argument("number", metavar="N", type=click.IntRange(1))
@click.pass_obj
def command(session: Session, /, *, name: str, number: int) -> None:
    """Use the generation N of the profile NAME, which changes in one step."""
    profiles.check_profile_name(name)
    store = session.existing_store()
    if store is None:
        raise profiles.NoSuchProfile(name, ())
    with profiles.changing(store.layout, name):
        profiles.generation(store.layout, name, number)  # it must exist
        old = profile_in_use(store, name)
        generation = profiles.switch(store, name, number)
        print_message("\n".join(described(generation, name, old.differences(profile_in_use(store, name)))))
