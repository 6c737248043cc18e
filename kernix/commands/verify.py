"""`kernix verify`: check the store, and repair it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix.options import VerbCommand, complete_attributes, evaluation
from kernix.output.messages import print_message
from kernix.output.printable import one_line
from kernix.output.quantities import number
from kernix.progress.line import ProgressLine
from store.errors import Error, UsageError
from store.rebuild import rebuild
from store.repair import repair
from store.verify import Remedy, damaged, verify


if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernix.evaluation.inputs import Options
    from kernix.session import Session
    from store.verify import Problem


_PASSES = 3  # each reads the store again. Problems may hide others, but hardly several layers of them


class StoreDamaged(Error):
    """Verification found problems."""

    problems: int
    objects: int

    def __str__(self) -> str:
        return f"{number(self.problems, 'problem')} found, {number(self.objects, 'object')} cannot be trusted"

    @property
    def hint(self) -> str | None:
        """Name the command that repairs the store."""
        drops = (
            "`kernix verify --contents --repair` drops them and everything that refers to them; "
            "the next build makes them again"
        )
        return drops if self.objects else "`kernix verify --contents --repair` repairs it"


@click.command(cls=VerbCommand)
@click.argument("attributes", metavar="[ATTR…]", nargs=-1, shell_complete=complete_attributes)
@click.option("--contents", is_flag=True, help="Read every byte, and name each file that has changed.")
@click.option("--repair", "repair_objects", is_flag=True, help="Drop damaged objects, so that they are built again.")
@click.option(
    "--rebuild", "rebuild_database", is_flag=True, help="Rebuild the database from the objects and the journal."
)
@click.option(
    "--reproducible",
    is_flag=True,
    help="Show what is known of ATTR…: when it was built again, under what, with what result.",
)
@evaluation
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    attributes: tuple[str, ...],
    contents: bool,
    repair_objects: bool,
    rebuild_database: bool,
    reproducible: bool,
    options: Options,
) -> None:
    """Check that every object of the store exists; with --contents, that it is unchanged.

    With --reproducible, show instead what `kernix build --check`, `--rounds` and `--prove` have proved of each ATTR,
    and whether a proof is running.
    """
    if reproducible:
        _reproducible(session, options, attributes)
        return
    if attributes:
        message = "an attribute is given without `--reproducible`"
        raise UsageError(message, "the whole store is verified; `--reproducible` is about attributes")
    if not session.has_store():
        print_message(f"there is no store in {session.home} yet, so there is nothing to verify")
        return
    with ProgressLine() as progress:
        if rebuild_database:
            made = rebuild(session.home, progress, _waiting)
            found: Sequence[Problem] = made.problems
        else:
            found = verify(session.store, contents=contents, progress=progress, on_wait=_waiting)
    _show(found)
    if rebuild_database:
        click.echo(f"recovered {number(made.objects, 'object')} and {number(made.realisations, 'result')}")
    if repair_objects:
        found = _repair(session, found, contents=contents)
    if found:
        raise StoreDamaged(len(found), len(damaged(found)))
    print_message("the store is intact")


def _repair(session: Session, found: Sequence[Problem], *, contents: bool) -> Sequence[Problem]:
    """Repair the problems *found* as far as possible, and return the remaining ones."""
    for _ in range(_PASSES):
        repair(session.store, found, lambda place, done: click.echo(f"{one_line(place)}: {done}"), _waiting)
        left = [problem for problem in found if problem.remedy is Remedy.NONE]
        if left or not any(problem.remedy is Remedy.RESTORE for problem in found):
            return left
        # Problems that were unreadable, or hidden by others, may show now.
        with ProgressLine() as progress:
            found = verify(session.store, contents=contents, progress=progress, on_wait=_waiting)
        _show(found)
        if not found:
            break
    return found


def _reproducible(session: Session, options: Options, attributes: tuple[str, ...]) -> None:
    """Show the verdicts on each of *attributes*.

    Raises:
        UsageError: no attribute is given.
        NotProved: one has no result, was never built again, or came out differently.
    """
    from kernix.evaluation.definitions import targets  # noqa: PLC0415 -- start-up: only for attributes
    from kernix.proved import NotProved, show  # noqa: PLC0415 -- as above

    if not attributes:
        message = "`--reproducible` is given without an attribute"
        raise UsageError(message, "such as `kernix verify --reproducible linux_micro`")
    if unproved := [it.attribute for it in targets(session, options, attributes) if not show(session, it)]:
        raise NotProved(tuple(unproved))


def _waiting() -> None:
    print_message("waiting for a collection to end")


def _show(found: Sequence[Problem]) -> None:
    for problem in found:
        click.echo(one_line(problem))
