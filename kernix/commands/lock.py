"""`kernix lock`: show, create or change the lock that pins the toolchain's packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from derivations.debian.changes import changes
from derivations.debian.lock import MissingSet
from derivations.debian.sets import SETS, package_set
from derivations.realise.apt.release import SUITE
from derivations.realise.apt.sources import ArchiveChoice
from kernix.evaluation.definitions import targets
from kernix.evaluation.inputs import find_lock
from kernix.lockfile import read
from kernix.make_lock import change, changed_lines, make
from kernix.options import VerbCommand, complete_attributes, evaluation
from kernix.output.messages import print_message
from kernix.output.quantities import number, size
from kernix.output.table import rows
from store.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

    from derivations.debian.lock import Lock, Package
    from kernix.evaluation.inputs import Options
    from kernix.session import Session


def complete_sets(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem | str]:
    """Return the sets that begin with *incomplete*."""
    return [name for name in SETS if name.startswith(incomplete)]


def _suite(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not SUITE.fullmatch(value):
        message = f"{value!r} is not the name of a Debian release"
        raise UsageError(message, "the name of a release is one word, such as `bookworm`, `trixie` or `sid`")
    return value


@click.command(cls=VerbCommand)
@click.argument("sets", metavar="[SET…]", nargs=-1, shell_complete=complete_sets)
@click.option("--update", is_flag=True, help="Update each SET, or all of them, to what apt offers now.")
@click.option("--add", "added", multiple=True, metavar="SET", shell_complete=complete_sets,
              help="Add this set, and leave the others alone.")  # fmt: skip
@click.option("--for", "wanted", multiple=True, metavar="ATTR", shell_complete=complete_attributes,
              help="Add the sets that this attribute needs and the lock lacks.")  # fmt: skip
@click.option("--suite", metavar="NAME", callback=_suite,
              help="Pin packages of this Debian release (such as trixie), from the mirrors that apt uses.")  # fmt: skip
@click.option("--allow-unsigned", is_flag=True,
              help="Accept unsigned packages from archives that apt trusts, and mark them in the lock.")  # fmt: skip
@evaluation
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    sets: tuple[str, ...],
    update: bool,
    added: tuple[str, ...],
    wanted: tuple[str, ...],
    suite: str | None,
    allow_unsigned: bool,
    options: Options,
) -> None:
    """Show the lock, create it if it does not exist, or change it and print the changes.

    The lock pins every package that builds use, by SHA-256. It never changes by itself.
    """
    _check(options, sets if not update else (), wanted)
    where = find_lock(options.lock, Path.cwd(), lambda: session.config_home)
    choice = ArchiveChoice(suite=suite, allow_unsigned=allow_unsigned)
    for name in added:
        package_set(name)
    if where.exists():
        lock = read(where)
    else:
        lock = make(session, where, choice)
        choice = attrs.evolve(choice, suite=None)  # from now on the lock has the release, by its codename
    if not update and not added and not wanted:
        if choice.suite not in {None, lock.suite}:
            message = f"the lock {where} is for {lock.suite or 'an unnamed release'}"
            raise UsageError(message, f"`kernix lock --update --suite {suite}` moves the whole lock to that release")
        _show(where, lock)
        return
    for name in sets:
        lock.set(name)  # a set that the lock lacks is added with --add, not updated
    every = update and not sets
    names = None if every and not added else list(dict.fromkeys([*(lock.sets if every else sets), *added]))
    old, new = change(session, where, names, choice) if names != [] else (lock, lock)
    if wanted:
        new = _add_needed(session, options, wanted, where, choice) or new
    found = changes(old, new)
    for line in rows(changed_lines(found)):
        click.echo(line)
    if not found:
        print_message("nothing changed" if old.sets == new.sets else "no packages changed, only the sets they are in")


def _check(options: Options, sets: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse words that mean nothing without others."""
    if sets:
        message = f"`{sets[0]}` is given without `--update`"
        raise UsageError(message, f"`kernix lock --update {' '.join(sets)}` pins what apt offers now")
    if options.file is not None and not wanted:
        message = f"`-f {options.file}` is given without `--for`"
        raise UsageError(message, f"`kernix lock -f {options.file} --for ATTR` adds the sets that ATTR needs")


def _add_needed(
    session: Session, options: Options, wanted: Sequence[str], where: Path, choice: ArchiveChoice
) -> Lock | None:
    """Add what the definitions of *wanted* need to the lock at *where*, and return it; None if it has all of it.

    An evaluation ends at the first set that is missing, so there is one for each.
    """
    lock = None
    while True:
        try:
            targets(session, options, wanted)
        except MissingSet as error:
            if lock is not None and error.name in lock.sets:
                raise
            _, lock = change(session, where, [error.name], choice)
        else:
            return lock


def _show(where: Path, lock: Lock) -> None:
    click.echo(where)
    if lock.suite is not None:
        click.echo(f"  from Debian {lock.suite}")
    for line in rows([_row(name, lock.set(name)) for name in lock.sets]):
        click.echo(line)


def _row(name: str, members: Sequence[Package]) -> tuple[str, ...]:
    unsigned = sum(it.unsigned for it in members)
    note = f"{unsigned} unsigned" if unsigned else ""
    return f"  {name}", number(len(members), "package"), size(sum(it.size for it in members)), note
