"""`kernix lock`: the packages that the toolchain is pinned to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from derivations.debian.changes import changes
from derivations.debian.sets import SETS, package_set
from kernix.inputs import find_lock
from kernix.lockfile import read
from kernix.locking import change, changed_lines, make
from kernix.messages import say
from kernix.options import PATH
from kernix.quantities import number, size
from kernix.table import rows
from store.errors import UsageError


if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from derivations.debian.lock import Lock
    from kernix.session import Session


def complete_sets(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem | str]:
    """Return the sets that begin with *incomplete*."""
    return [name for name in SETS if name.startswith(incomplete)]


@click.command
@click.argument("sets", metavar="[SET…]", nargs=-1, shell_complete=complete_sets)
@click.option("--update", is_flag=True, help="Pin each SET, by default all of them, to what apt offers now.")
@click.option("--add", "added", multiple=True, metavar="SET", shell_complete=complete_sets,
              help="Pin this set too, and leave the others as they are.")  # fmt: skip
@click.option("--lock", "place", type=PATH, help="Use this lock instead of ./kernix.lock or your own.")
@click.pass_obj
def command(
    session: Session, /, *, sets: tuple[str, ...], update: bool, added: tuple[str, ...], place: Path | None
) -> None:
    """Show the lock, make it if there is none, or change it and print what changed.

    The lock pins every package that builds use by its SHA-256. It never changes by itself.
    """
    if sets and not update:
        message = f"`{sets[0]}` is given, but nothing to do with it"
        raise UsageError(message, f"`kernix lock --update {' '.join(sets)}` pins what apt offers now")
    where = find_lock(place, Path.cwd(), lambda: session.config_home)
    if not where.exists():
        make(session, where)
    lock = read(where)
    if not update and not added:
        _show(where, lock)
        return
    for name in added:
        package_set(name)
    for name in sets:
        lock.set(name)  # what is not pinned yet is added, not updated
    old, new = change(session, where, list(dict.fromkeys([*(sets or (lock.sets if update else ())), *added])))
    found = changes(old, new)
    for line in rows(changed_lines(found)):
        click.echo(line)
    if not found:
        say("nothing has changed" if old == new else "no package has changed, only the sets they are in")


def _show(where: Path, lock: Lock) -> None:
    click.echo(where)
    table = []
    for name in lock.sets:
        members = lock.set(name)
        table.append((f"  {name}", number(len(members), "package"), size(sum(it.size for it in members))))
    for line in rows(table):
        click.echo(line)
