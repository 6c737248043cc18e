"""`kernix doctor`: check that this machine can build, and say what to change.

The checks are in `kernix.machine.doctor_checks` and `kernix.machine.kvm_check`.
"""

from __future__ import annotations

import json
import sys

from typing import TYPE_CHECKING

import attrs
import click

from kernix.machine.doctor_checks import CheckState, examine
from kernix.machine.kvm_check import examine_kvm
from kernix.output.printable import below, one_line
from store.errors import Error


if TYPE_CHECKING:
    from kernix.session import Session


_MARKS = {CheckState.FINE: ("ok", "green"), CheckState.ABSENT: ("--", "yellow"), CheckState.BROKEN: ("no", "red")}


class ChecksFailed(Error):
    """Something that builds need does not work on this machine."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"this machine cannot build yet: {', '.join(self.names)}"


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.pass_obj
def command(session: Session, /, *, as_json: bool) -> None:
    """Check that this machine can build, and say what to change.

    `ok` means that it works, `no` that builds need it and it does not work, `--` that it is missing but optional.
    """
    found = [*examine(session.home), examine_kvm(session)]
    if as_json:
        click.echo(json.dumps([{**attrs.asdict(it), "state": it.state.value} for it in found], indent=2))
    else:
        width = max(len(it.name) for it in found)
        for it in found:
            mark, color = _MARKS[it.state]
            line = f"{click.style(mark, fg=color, bold=True)}  {it.name.ljust(width)}  {one_line(it.finding)}"
            click.echo(line, file=below(sys.stdout))
            for line in (it.advice or "").splitlines():
                click.echo(f"    {' ' * width}  {line}")
    if broken := tuple(it.name for it in found if it.state is CheckState.BROKEN):
        raise ChecksFailed(broken)
