"""`kernix profile delete-generations`: delete generations that are not in use."""

from __future__ import annotations

import time

from typing import TYPE_CHECKING

import click

from kernix.options import Duration
from kernix.output.messages import print_message
from kernix.output.quantities import number
from store import profiles
from store.errors import UsageError


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("name")
@click.argument("numbers", metavar="[N…]", nargs=-1, type=click.IntRange(1))
@click.option("--older-than", type=Duration(), metavar="TIME",
              help="Delete those that a later one replaced longer ago than this (such as `30d`).")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say which would be deleted, and do nothing.")
@click.pass_obj
def command(
    session: Session, /, *, name: str, numbers: tuple[int, ...], older_than: float | None, dry_run: bool
) -> None:
    """Delete the generations N of the profile NAME, or the old ones; never the one in use.

    `kernix gc` then deletes what no other generation has.
    """
    if bool(numbers) == (older_than is not None):
        message = "no generations are named" if not numbers else "generations are named, and a time is given"
        raise UsageError(message, "name the generations, or use `--older-than TIME`")
    profiles.check_profile_name(name)
    store = session.existing_store()
    if store is None:
        raise profiles.NoSuchProfile(name, ())
    with profiles.changing(store.layout, name):
        known = profiles.generations(store.layout, name)
        doomed = numbers if older_than is None else profiles.superseded_before(known, time.time() - older_than)
        if dry_run:
            gone = [profiles.generation(store.layout, name, it) for it in sorted(set(doomed))]
        else:
            gone = profiles.delete_generations(store.layout, name, doomed)
    verb = "would be deleted" if dry_run else "deleted"
    shown = f": {', '.join(str(it.number) for it in gone)}" if gone else ""
    print_message(f"{number(len(gone), 'generation')} {verb}{shown}")
