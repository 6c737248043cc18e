"""`kernix why-depends`: show the references that lead from one object to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix.evaluation import objects as named
from kernix.options import VerbCommand, complete_attributes, evaluation
from kernix.output.printable import one_line
from store.closure import why_depends
from store.errors import Error


if TYPE_CHECKING:
    from kernix.evaluation.inputs import Options
    from kernix.session import Session
    from store.path import StorePath


class DoesNotDepend(Error):
    """There is no chain of references from one object to the other."""

    source: StorePath
    target: StorePath

    def __str__(self) -> str:
        return f"{self.source} does not depend on {self.target}"

    @property
    def hint(self) -> str:
        """Name the option for build dependencies."""
        return "`--derivation` shows what is needed to build it"


@click.command("why-depends", cls=VerbCommand)
@click.argument("source", metavar="A", shell_complete=complete_attributes)
@click.argument("target", metavar="B", shell_complete=complete_attributes)
@evaluation
@click.option("--all", "every", is_flag=True, help="Show every shortest chain, not only one.")
@click.option("--derivation", is_flag=True, help="Ask about derivations: what building A needs.")
@click.pass_obj
def command(session: Session, /, *, source: str, target: str, every: bool, derivation: bool, options: Options) -> None:
    """Show the chain of references through which the object A needs the object B."""
    if derivation:
        from kernix.evaluation.drvs import find_drvs  # noqa: PLC0415 -- start-up: only with --derivation

        first, last = find_drvs(session, options, [source, target])
    else:
        first, last = named.find(session, options, [source, target])
    chains = why_depends(first, last, session.store.references)
    if not chains:
        raise DoesNotDepend(first, last)
    for chain in chains if every else chains[:1]:
        for depth, path in enumerate(chain):
            click.echo(f"{'    ' * (depth - 1)}{'└── ' if depth else ''}{one_line(session.store.path(path))}")
