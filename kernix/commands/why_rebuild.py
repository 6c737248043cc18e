"""`kernix why-rebuild`: name the inputs whose content makes one build different from another."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import click

from kernix.options import VerbCommand, complete_attributes, evaluation
from kernix.session import NoStore


if TYPE_CHECKING:
    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@click.command("why-rebuild", cls=VerbCommand)
@click.argument("new", metavar="A", shell_complete=complete_attributes)
@click.argument("old", metavar="[B]", required=False, shell_complete=complete_attributes)
@evaluation
@click.option("--all", "every", is_flag=True, help="List every change, not only the first of each input.")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
@click.pass_obj
def command(session: Session, /, *, new: str, old: str | None, every: bool, as_json: bool, options: Options) -> None:
    """Name what makes the build of A differ from that of B: options, files, packages, flags.

    A and B are attributes, or paths in the store. Without B, A is compared with the newest earlier build of its name.
    What counts is the content of inputs, so what resolves to the same bytes is not a difference. Nothing is
    compiled or fetched; a configuration or a patched tree that is missing is made.
    """
    from kernix.output.printable import one_line, printable  # noqa: PLC0415 -- start-up: loading takes longer than parsing
    from kernix.rebuild.compare import compare  # noqa: PLC0415 -- as above
    from kernix.rebuild.earlier import earlier, find  # noqa: PLC0415 -- as above
    from kernix.rebuild.known import learn  # noqa: PLC0415 -- as above
    from kernix.rebuild.words import lines  # noqa: PLC0415 -- as above

    if session.existing_store() is None:
        raise NoStore(session.home)
    to = find(session, options, new)
    since = earlier(session, to) if old is None else find(session, options, old)
    found = compare(since.derivation, to.derivation, learn(session, (since.derivation, to.derivation)))
    if as_json:
        facts = {"old": since.to_json(session.store), "new": to.to_json(session.store), **found.to_json()}
        click.echo(printable(json.dumps(facts, indent=2)))
        return
    for line in lines(since, to, found, every=every):
        click.echo(one_line(line))
