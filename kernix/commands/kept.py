"""`kernix kept`: list and remove kept object trees."""

from __future__ import annotations

import json
import time

from typing import TYPE_CHECKING, Any

import click

from derivations.realise.compile_cache.caches import CompileCaches
from derivations.realise.kept.pool import disk_sizes
from derivations.realise.kept.shelf import Shelf
from kernix.output.messages import print_message
from kernix.output.quantities import ago, number, size
from kernix.output.table import rows
from store.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from derivations.realise.kept.pool import Sizes
    from derivations.realise.kept.shelf import KeptTree
    from kernix.session import Session


SHORT = 6
"""Characters of an identifier that are shown, and suffice unless two trees share them."""


@click.group(invoke_without_command=True, subcommand_metavar="[VERB …]")
@click.option("--json", "as_json", is_flag=True, help="Print the trees as JSON.")
@click.pass_context
def command(ctx: click.Context, /, *, as_json: bool) -> None:
    """List or remove kept object trees: what builds of kernels leave, so that the next ones compile less.

    `[kept]` in config.toml limits their size and age. `kernix build --clean` uses none. To remove one only costs time:
    the next build compiles more.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_trees, as_json=as_json)
    elif as_json and ctx.invoked_subcommand != "list":
        message = f"`kernix kept {ctx.invoked_subcommand}` prints no JSON"
        raise UsageError(message, "leave out `--json`")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the trees as JSON.")
@click.pass_obj
def list_trees(session: Session, /, *, as_json: bool = False) -> None:
    """List the trees, the one used last first: what each takes on the disk by itself, and shares with others."""
    parent = click.get_current_context().parent
    as_json = as_json or bool(parent and parent.params.get("as_json"))
    shelf = Shelf(session.layout.kept)
    trees = [(tree, disk_sizes(tree.place)) for tree in shelf.kept()]
    if as_json:
        click.echo(json.dumps([_facts(tree, sizes) for tree, sizes in trees], indent=2))
        return
    short, now = _shortest([tree.id for tree, _ in trees]), time.time()
    for line in rows([_row(tree, sizes, short, now) for tree, sizes in trees]):
        click.echo(line)
    allowed = size(session.keep_policy.max_size)
    print_message(f"{number(len(trees), 'object tree')}, {size(shelf.size())} of at most {allowed}")
    if cached := CompileCaches(session.layout.compile_cache).size():
        print_message(f"compile cache: {size(cached)} of at most {size(session.settings().compile_cache_size)}")


def _row(tree: KeptTree, sizes: Sizes, short: int, now: float) -> Sequence[str]:
    return (
        tree.id[:short],
        tree.about.name,
        number(tree.about.objects, "object"),
        f"{size(sizes.own)} own",
        f"{size(sizes.shared)} shared",
        f"made {ago(max(0.0, now - tree.about.made))}",
        f"used {ago(max(0.0, now - tree.used))}",
    )


def _facts(tree: KeptTree, sizes: Sizes) -> dict[str, Any]:
    about = tree.about
    return {
        "id": tree.id,
        "name": about.name,
        "objects": about.objects,
        "own": sizes.own,
        "shared": sizes.shared,
        "made": about.made,
        "used": tree.used,
        "compiled": about.compiled,
        "seconds": about.seconds,
        "source": about.source,
        "family": about.family,
        "path": str(tree.place),
    }


def _shortest(ids: Sequence[str]) -> int:
    """Return how many characters tell *ids* apart."""
    return next((it for it in range(SHORT, 64) if len({name[:it] for name in ids}) == len(ids)), 64)


@command.command("remove")
@click.argument("names", metavar="ID|NAME…", nargs=-1, required=True)
@click.pass_obj
def remove(session: Session, /, *, names: tuple[str, ...]) -> None:
    """Remove the trees with these identifiers, and all of these kernels, unless a build uses them."""
    shelf = Shelf(session.layout.kept)
    kept = shelf.kept()
    found = {tree.id: tree for name in names for tree in _named(kept, name)}
    _remove(shelf, found.values())


@command.command("clear")
@click.pass_obj
def clear(session: Session, /) -> None:
    """Remove all trees that no build uses."""
    shelf = Shelf(session.layout.kept)
    _remove(shelf, shelf.kept())
    shelf.clean(wait=True)


def _named(kept: Sequence[KeptTree], name: str) -> list[KeptTree]:
    """Return the trees of the kernel *name*, or the one whose identifier begins so.

    Raises:
        UsageError: there is none, or several.
    """
    if of_name := [it for it in kept if it.about.name == name]:
        return of_name
    found = [it for it in kept if name and it.id.startswith(name)]
    if not found:
        message = f"there is no kept tree {name!r}"
        raise UsageError(message, "`kernix kept` lists them")
    if len(found) > 1:
        message = f"{number(len(found), 'kept tree')} begin with {name!r}"
        raise UsageError(message, "write more of the identifier that `kernix kept` shows")
    return found


def _remove(shelf: Shelf, trees: Iterable[KeptTree]) -> None:
    freed = [shelf.remove(tree) for tree in trees]
    gone = [it for it in freed if it is not None]
    if len(gone) < len(freed):
        print_message(f"{number(len(freed) - len(gone), 'object tree')} left: builds are using them")
    click.echo(f"removed {number(len(gone), 'object tree')}, freed {size(sum(gone))}")
