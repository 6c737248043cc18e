"""`kernix roots`: list, add or remove the links that keep store objects alive."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import click

from kernix.options import PATH
from kernix.output.printable import one_line
from kernix.output.table import rows
from store.errors import UsageError
from store.gc import roots


if TYPE_CHECKING:
    from pathlib import Path

    from kernix.session import Session


@click.group(invoke_without_command=True, subcommand_metavar="[VERB …]")
@click.option("--json", "as_json", is_flag=True, help="Print the roots as JSON.")
@click.pass_context
def command(ctx: click.Context, /, *, as_json: bool) -> None:
    """List, add or remove roots: links into the store that keep their targets from `kernix gc`.

    A root is a symbolic link of yours, such as `result`. Delete the link, or remove it from the roots, and
    `kernix gc` may delete its target.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_roots, as_json=as_json)
    elif as_json and ctx.invoked_subcommand != "list":
        message = f"`kernix roots {ctx.invoked_subcommand}` prints no JSON"
        raise UsageError(message, "leave out `--json`")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the roots as JSON.")
@click.pass_obj
def list_roots(session: Session, /, *, as_json: bool = False) -> None:
    """List the roots and what each of them keeps."""
    parent = click.get_current_context().parent
    as_json = as_json or bool(parent and parent.params.get("as_json"))
    store = session.existing_store()
    found = [(root.link, store.path(root.target)) for root in roots.roots(store.layout)] if store is not None else []
    if as_json:
        shown = [{"link": str(link), "path": str(path)} for link, path in found]
        click.echo(json.dumps(shown, indent=2))
        return
    for line in rows([(_shown(link), "->", str(path)) for link, path in found]):
        click.echo(line)


def _shown(link: Path) -> str:
    """Return *link* with everything escaped that would control a terminal or cannot be shown."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(link))


@command.command("add")
@click.argument("link", type=PATH)
@click.pass_obj
def add(session: Session, /, *, link: Path) -> None:
    """Make LINK, a symbolic link into the store, a root."""
    if (store := session.existing_store()) is None:
        raise roots.NotARoot(roots.absolute(link))
    root = roots.add_indirect(store, link)
    click.echo(one_line(store.path(root.target)))


@command.command("remove")
@click.argument("link", type=PATH)
@click.pass_obj
def remove(session: Session, /, *, link: Path) -> None:
    """Stop treating LINK as a root; the link itself stays."""
    if (store := session.existing_store()) is None:
        raise roots.NotARoot(roots.absolute(link))
    roots.remove_indirect(store, link)
