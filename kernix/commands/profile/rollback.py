"""`kernix profile rollback`: use the generation before the one in use."""

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
@click.pass_obj
def command(session: Session, /, *, name: str) -> None:
    """Use the generation before the one in use; the profile NAME changes in one step."""
    profiles.check_profile_name(name)
    store = session.existing_store()
    if store is None:
        raise profiles.NoSuchProfile(name, ())
    with profiles.changing(store.layout, name):
        old = profile_in_use(store, name)
        generation = profiles.roll_back(store, name)
        print_message("\n".join(described(generation, name, old.differences(profile_in_use(store, name)))))
