"""`kernix profile generations`: the generations of a profile."""

from __future__ import annotations

import json

from datetime import datetime
from typing import TYPE_CHECKING

import click

from derivations.realise.assemble_profile import read_profile
from kernix.output.table import rows
from store import profiles


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_obj
def command(session: Session, /, *, name: str, as_json: bool) -> None:
    """List the generations of the profile NAME, with their slots; the one in use has a star."""
    profiles.check_profile_name(name)
    store = session.existing_store()
    if store is None:
        raise profiles.NoSuchProfile(name, ())
    found = profiles.generations(store.layout, name)
    slots = {it.number: [slot.name for slot in read_profile(store, it.target).slots] for it in found}
    times = {it.number: datetime.fromtimestamp(it.made).astimezone().replace(microsecond=0) for it in found}
    if as_json:
        shown = [
            {"generation": it.number, "made": times[it.number].isoformat(), "in_use": it.in_use,
             "path": str(store.path(it.target)), "slots": slots[it.number]}
            for it in found
        ]  # fmt: skip
        click.echo(json.dumps(shown, indent=2))
        return
    lines = [
        (f"{it.number}{' *' if it.in_use else ''}", f"{times[it.number]:%Y-%m-%d %H:%M}", ", ".join(slots[it.number]) or "nothing")
        for it in found
    ]  # fmt: skip
    for line in rows(lines):
        click.echo(line)
