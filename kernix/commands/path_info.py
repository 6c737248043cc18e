"""`kernix path-info`: show what the store knows about objects."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import click

from kernix.evaluation import objects as named
from kernix.options import VerbCommand, evaluation, objects
from kernix.output.quantities import size
from kernix.output.table import rows
from store.closure import closure, closure_sizes, topological


if TYPE_CHECKING:
    from collections.abc import Callable

    from kernix.evaluation.inputs import Options
    from kernix.session import Session
    from store.path import StorePath
    from store.records.database import PathInfo


@click.command("path-info", cls=VerbCommand)
@objects
@evaluation
@click.option("-r", "--recursive", is_flag=True, help="Include everything that the objects refer to.")
@click.option("-s", "--size", "show_size", is_flag=True, help="Print the size of each object.")
@click.option(
    "-S", "--closure-size", is_flag=True, help="Print the size of each object and everything that it refers to."
)
@click.option("--human-readable", is_flag=True, help="Print sizes like 1.4 GB.")
@click.option("--json", "as_json", is_flag=True, help="Print everything that the store knows, as JSON.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    objects: tuple[str, ...],
    recursive: bool,
    show_size: bool,
    closure_size: bool,
    human_readable: bool,
    as_json: bool,
    options: Options,
) -> None:
    """Show the paths, sizes and references of store objects."""
    asked = named.find(session, options, objects)
    store = session.store
    graph = closure(asked, store.references)
    infos = store.infos(graph)
    sums = closure_sizes(graph, {path: info.size for path, info in infos.items()})
    shown = topological(graph) if recursive else list(dict.fromkeys(asked))
    if as_json:
        click.echo(json.dumps([_facts(session, infos[path], sums[path]) for path in shown], indent=2))
        return
    written: Callable[[int], str] = size if human_readable else str
    columns = [
        [str(store.path(path)) for path in shown],
        *([[written(infos[path].size) for path in shown]] if show_size else []),
        *([[written(sums[path]) for path in shown]] if closure_size else []),
    ]
    for line in rows(list(zip(*columns, strict=True))):
        click.echo(line)


def _facts(session: Session, info: PathInfo, total: int) -> dict[str, Any]:
    def place(path: StorePath | None) -> str | None:
        return str(session.store.path(path)) if path is not None else None

    return {
        "path": place(info.path),
        "digest": info.digest.hex(),
        "size": info.size,
        "closureSize": total,
        "nodes": info.nodes,
        "references": [place(it) for it in info.references],
        "deriver": place(info.deriver),
        "retention": info.retention.value,
        "registered": info.registered,
        "used": info.used,
    }
