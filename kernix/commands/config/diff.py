"""`kernix config diff`: compare two configurations, with the cause of each difference."""

from __future__ import annotations

import json

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from derivations.kconfig.comparison.difference import difference
from kernix.configs import named
from kernix.configs.resolved import resolve
from kernix.evaluation.definitions import definitions
from kernix.options import PATH, VerbCommand, complete_attributes, evaluation, realisation
from kernix.output.differences import lines
from kernix.output.messages import print_message, warn


if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem

    from derivations.kconfig.comparison.side import Side
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the attributes that begin with *incomplete*; the shell adds files."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 -- start-up: only a shell asks

    return [*complete_attributes(ctx, param, incomplete), CompletionItem(incomplete, type="file")]


@click.command(cls=VerbCommand)
@click.argument("old", metavar="A", shell_complete=complete)
@click.argument("new", metavar="B", shell_complete=complete)
@evaluation
@realisation
@click.option(
    "--for",
    "tree",
    metavar="ATTR",
    shell_complete=complete_attributes,
    help="Read files with the Kconfig of this kernel, to find the causes of their differences.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
@click.option("--html", "page", type=PATH, help="Write an HTML page to this file.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    old: str,
    new: str,
    tree: str | None,
    as_json: bool,
    page: Path | None,
    options: Options,
    chosen: Chosen,
) -> None:
    """Compare the configurations A and B: kernels, versions of Linux, or files.

    Differences are grouped by cause: a fragment that requests the option, the base, a default that differs
    between versions, an option that selects it or that it depends on. For a file only the values are
    known, unless `--for` names the kernel it belongs to.
    """
    with definitions(session, options) as names:
        known = named.and_bundled(names, options)
        sides = [_configuration(session, known, text, tree, chosen) for text in (old, new)]
    _compare_architectures(*sides)
    found = difference(*sides)
    if page is not None:
        from kernix.pages.difference import difference_page  # noqa: PLC0415 -- start-up: only for pages

        page.write_text(difference_page(found), encoding="utf-8")
        print_message(f"wrote {page}")
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    elif page is None:
        click.echo("\n".join(lines(found)))


def _configuration(session: Session, names: Mapping[str, Any], text: str, tree: str | None, chosen: Chosen) -> Side:
    is_file = named.is_file(names, text)
    alone = named.from_file(Path(text)) if is_file else None
    if alone is not None and tree is None:
        return alone
    name, kernel = named.kernel_or_version(names, tree if tree is not None and is_file else text)
    if is_file:
        name, kernel = text, named.with_file(kernel, Path(text))
    return named.from_kernel(session, resolve(session, name, kernel, chosen), chosen)


def _compare_architectures(old: Side, new: Side) -> None:
    if old.arch and new.arch and old.arch != new.arch:
        warn(f"{old.name} is for {old.arch} and {new.name} for {new.arch}: many differences follow from that alone")
