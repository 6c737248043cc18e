"""`kernix roots`: the links that keep store objects alive."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import click

from kernix.options import PATH
from kernix.table import rows
from store import roots


if TYPE_CHECKING:
    from pathlib import Path

    from kernix.session import Session


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, add or remove roots: links that lead into the store and keep what they lead to.

    A root is a symbolic link of yours, such as `result`; remove the link, or make it no root
    any more, and `kernix gc` may take the object.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_roots)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the roots as JSON.")
@click.pass_obj
def list_roots(session: Session, /, *, as_json: bool = False) -> None:
    """List the roots and what each keeps."""
    found = roots.roots(session.store.layout)
    if as_json:
        shown = [{"link": str(it.link), "path": str(session.store.path(it.target))} for it in found]
        click.echo(json.dumps(shown, indent=2))
        return
    for line in rows([(str(it.link), "->", str(session.store.path(it.target))) for it in found]):
        click.echo(line)


@command.command("add")
@click.argument("link", type=PATH)
@click.pass_obj
def add(session: Session, /, *, link: Path) -> None:
    """Make the symbolic link LINK, which leads into the store, a root."""
    root = roots.add_indirect(session.store, link)
    click.echo(session.store.path(root.target))


@command.command("remove")
@click.argument("link", type=PATH)
@click.pass_obj
def remove(session: Session, /, *, link: Path) -> None:
    """Let LINK be no root any more; the link itself stays."""
    roots.remove_indirect(session.store, link)
