"""`kernix verify`: check that the store is whole, and mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix.messages import say
from kernix.printable import one_line
from kernix.progress.line import ProgressLine
from kernix.quantities import number
from store.errors import Error
from store.rebuild import rebuild
from store.verify import damaged, repair, verify


if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernix.session import Session
    from store.verify import Problem


class StoreDamaged(Error):
    """Verification found something."""

    problems: int
    objects: int

    def __str__(self) -> str:
        return f"{number(self.problems, 'problem')} found, {number(self.objects, 'object')} cannot be trusted"

    @property
    def hint(self) -> str | None:
        """Tell how to have damaged objects made again."""
        if not self.objects:
            return None
        return (
            "`kernix verify --contents --repair` forgets them and what refers to them; the next build makes them again"
        )


@click.command
@click.option("--contents", is_flag=True, help="Read every byte, and name each file that has changed.")
@click.option("--repair", "mend", is_flag=True, help="Forget damaged objects, so that they are built again.")
@click.option("--rebuild", "anew", is_flag=True, help="Make the database again from the objects and the journal.")
@click.pass_obj
def command(session: Session, /, *, contents: bool, mend: bool, anew: bool) -> None:
    """Check that everything the store knows is there; with --contents, that it is unchanged."""
    if not session.has_store():
        say(f"there is no store in {session.home} yet, so nothing to verify")
        return
    with ProgressLine() as progress:
        if anew:
            made = rebuild(session.home, progress)
            found: Sequence[Problem] = made.problems
        else:
            found = verify(session.store, contents=contents, progress=progress)
    for problem in found:
        click.echo(one_line(problem))
    if anew:
        click.echo(f"{number(made.objects, 'object')} and {number(made.realisations, 'result')} are known again")
    if mend and (doomed := repair(session.store, found)):
        for path in doomed:
            click.echo(f"{one_line(path)}: forgotten")
    elif found:
        raise StoreDamaged(len(found), len(damaged(found)))
    else:
        say("the store is whole")
