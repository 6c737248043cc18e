"""`kernix profile list`: the profiles and their kernels."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import click

from derivations.realise.assemble_profile import read_profile
from kernix.output.printable import one_line
from kernix.output.table import rows
from store import profiles


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("names", metavar="[NAME…]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_obj
def command(session: Session, /, *, names: tuple[str, ...], as_json: bool) -> None:
    """List the kernels of the profiles NAME, or of all profiles: profile, slot, release, and the path of the image."""
    store = session.existing_store()
    if store is None:
        if names:
            raise profiles.NoSuchProfile(profiles.check_profile_name(names[0]), ())
        click.echo("[]" if as_json else "", nl=as_json)
        return
    found = []
    for name in names or profiles.profiles(store.layout):
        generation = next((it for it in profiles.generations(store.layout, name) if it.in_use), None)
        if generation is None:  # somebody has removed its link by hand
            continue
        link = profiles.profile_link(store.layout, name)
        for slot in read_profile(store, generation.target).slots:
            files = {kind: str(link / "bin" / f"{kind}-{slot.name}") for kind in slot.files}
            found.append((name, generation.number, slot, files))
    if as_json:
        shown = [
            {
                "profile": name,
                "generation": number,
                "slot": it.name,
                "name": it.title,
                "release": it.release,
                "files": files,
            }
            for name, number, it, files in found
        ]
        click.echo(json.dumps(shown, indent=2))
        return
    for line in rows(
        [(name, it.name, one_line(it.release), one_line(files["kernel"])) for name, _, it, files in found]
    ):
        click.echo(line)
