"""`--dry-run`: show what a build would do."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import click

from derivations.fetch import is_fetch
from derivations.realise.layered import supported
from derivations.realise.plan import plan
from kernix.output.quantities import number, size
from kernix.output.table import rows


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.realise.plan import Plan
    from kernix.evaluation.attributes import Target
    from kernix.session import Session


def show_plan(session: Session, wanted: Sequence[Target], *, as_json: bool) -> None:
    """Print what would be fetched and built for *wanted*; as JSON, also what is already built."""
    store = session.existing_store()
    found = plan([target.output for target in wanted], store.realised if store is not None else lambda _: {})
    if found.layered and not supported(store, found):
        found = found.without_layers()
    if as_json:
        click.echo(json.dumps(_facts(session, found), indent=2))
        return
    fetched = [it for it in found.build if is_fetch(it)]
    built = [it for it in found.build if not is_fetch(it)]
    if fetched:
        known = {it: int(it.env["size"]) for it in fetched if it.env.get("size", "").isdecimal()}
        more = " and more" if len(known) < len(fetched) else ""
        amount = f" ({size(sum(known.values()))}{more})" if known else ""
        click.echo(f"{number(len(fetched), 'derivation')} would be fetched{amount}:")
        _list([(it.name, size(known[it]) if it in known else "") for it in fetched])
    if built:
        click.echo(f"{number(len(built), 'derivation')} would be built:")
        _list([(it.name, it.hints.description) for it in built])
    if not found.build:
        click.echo("nothing to build: everything is already built")


def _list(table: Sequence[tuple[str, str]]) -> None:
    for line in rows(table):
        click.echo(f"  {line}")


def _facts(session: Session, found: Plan) -> dict[str, Any]:
    return {
        "build": [{"name": it.name, "builder": it.builder, "key": it.key.hex()} for it in found.build],
        "present": [
            {"name": output.derivation.name, "output": output.name, "path": str(session.store.path(path))}
            for output, path in found.present.items()
        ],
    }
