"""`kernix config check`: what became of every option that is asked for."""

from __future__ import annotations

import json

from collections import Counter
from typing import TYPE_CHECKING

import click

from kernix.definitions import definitions
from kernix.options import attribute, evaluation, realisation
from kernix.quantities import number
from kernix.repairing import advised
from kernix.resolving import kernel, resolve
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from derivations.kconfig.outcome import Account
    from kernix.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


class NotHeld(Error):
    """Options are not what is asked for."""

    attribute: str
    options: tuple[str, ...]

    def __str__(self) -> str:
        count = number(len(self.options), "option is", "options are")
        return f"{count} not what `{self.attribute}` asks for: {', '.join(self.options)}"

    @property
    def hint(self) -> str:
        """Tell what finds the way out."""
        return f"`kernix config fix {self.attribute}` looks for further options that let them hold"


@click.command
@attribute
@evaluation
@realisation
@click.option("--all", "everything", is_flag=True, help="Tell about requests that hold as well.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of every request as JSON.")
@click.pass_obj
def command(
    session: Session, /, *, attribute: str, everything: bool, as_json: bool, options: Options, chosen: Chosen
) -> None:
    """Tell what became of every option that the kernel ATTR asks for.

    Each request is held, selected, shadowed by another fragment, clamped by a range, changed by a choice,
    blocked, absent from this version or architecture, unknown, or of a wrong type. Of a whole .config that must
    hold to the last line, all that would change is told, too. If a request that is not optional does not hold,
    the exit code is 1.
    """
    with definitions(session, options) as names:
        found = resolve(session, attribute, kernel(names, attribute), chosen)
        accounts = advised(session, found, found.accounts(session, chosen), chosen)
    if as_json:
        click.echo(json.dumps([it.to_json() for it in accounts], indent=2))
    else:
        click.echo("\n".join(_lines(accounts, everything=everything)))
    if failing := tuple(it.option for it in accounts if it.fails):
        raise NotHeld(attribute, failing)


def _lines(accounts: Sequence[Account], *, everything: bool) -> Iterator[str]:
    """Yield the accounts for people: what fails last, nearest to the prompt."""
    for it in sorted(accounts, key=lambda it: it.fails):
        if everything or not it.holds or it.suggestion:
            yield f"{it.outcome.value}: {it.text}"
    counts = Counter(it.outcome for it in accounts)
    told = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.most_common())
    yield f"{number(len(accounts), 'request')}: {told}" if accounts else "nothing is asked for"
