"""`--dry-run`: show what a build would do: what is certain, and what depends on how its inputs come out."""

from __future__ import annotations

import contextlib
import json
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from derivations.fetch import is_fetch
from derivations.realise.events import Warned
from derivations.realise.forecast import Fate, forecast
from derivations.realise.layered import supported
from derivations.realise.plan import plan
from kernix.answers.cache import NOTHING
from kernix.cache_list import open_caches
from kernix.output.messages import warn
from kernix.output.quantities import number, size
from kernix.output.table import rows
from store.local import Store


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from derivations.derivation import Derivation, Output
    from derivations.realise.caches.substitute import Offer
    from derivations.realise.events import Event
    from derivations.realise.forecast import Forecast
    from derivations.realise.plan import Lookup
    from kernix.evaluation.attributes import Target
    from kernix.outlook import Outlook
    from kernix.session import Session
    from store.path import StorePath


_NAMED = 2
"""How many inputs a line names; a kernel has three."""


def show_plan(session: Session, wanted: Sequence[Target], *, as_json: bool, caches: bool = True) -> None:
    """Print what would be fetched and built for *wanted*; as JSON, also what is already built."""
    store = session.existing_store()
    outputs = [target.output for target in wanted]
    offers = _offers(session, outputs, caches=caches)
    found = plan(outputs, _lookup(store, offers))
    if found.layered and not supported(store, found):
        found = found.without_layers()
    fates = forecast(found, store)
    if as_json:
        facts = _facts(session, fates, found.present)
        facts["present"] = [it for it in facts["present"] if it["path"] not in _places(session, offers)]
        facts["substitute"] = [
            {
                "name": output.derivation.name,
                "output": output.name,
                "path": path,
                "cache": offer.cache,
                "size": offer.size,
            }
            for (output, offer), path in zip(offers.items(), _places(session, offers), strict=True)
        ]
        facts["compile"] = [attrs.asdict(it) for it in _outlooks(session, fates)]
        click.echo(json.dumps(facts, indent=2))
        return
    by_fate = {fate: [it for it in fates if it.fate is fate] for fate in Fate}
    if offers:
        amount = size(sum(it.size for it in offers.values()))
        click.echo(f"{number(len(offers), 'result')} would be fetched from caches (at most {amount}):")
        _list([(it.path.name, it.cache, size(it.size)) for it in offers.values()])
    certain = [it.derivation for it in by_fate[Fate.BUILT]]
    _fetched([it for it in certain if is_fetch(it)])
    if built := [it for it in certain if not is_fetch(it)]:
        click.echo(f"{number(len(built), 'derivation')} would be built:")
        _list([(it.name, it.hints.description) for it in built])
    if reused := by_fate[Fate.REUSED]:
        click.echo(f"{number(len(reused), 'derivation')} would be reused: same inputs as an earlier build:")
        _list([(it.derivation.name, it.derivation.hints.description) for it in reused])
    if still_open := by_fate[Fate.OPEN]:
        alone = len(still_open) == 1
        condition = (
            "its inputs come out as in an earlier build" if alone else "their inputs come out as in earlier builds"
        )
        click.echo(f"{number(len(still_open), 'derivation')} would be built, or reused if {condition}:")
        _list([_conditional(it) for it in still_open])
    for found_outlook in _outlooks(session, fates):
        click.echo(str(found_outlook))
    if not fates and not offers:
        click.echo(NOTHING)


def _offers(session: Session, outputs: Sequence[Output], *, caches: bool) -> dict[Output, Offer]:
    """Return what would be fetched from caches; a store is not created for that."""
    known = open_caches(session, offline=session.settings().offline) if caches else ()
    if not known:
        return {}
    from derivations.realise.caches.substitute import Substituter  # noqa: PLC0415 -- start-up: if there are caches

    with contextlib.ExitStack() as later:
        store = session.existing_store()
        if store is None:
            empty = later.enter_context(tempfile.TemporaryDirectory(prefix="kernix-"))
            store = later.enter_context(Store.open(Path(empty) / "store"))
        return Substituter(store, known, _hear).offers(outputs)


def _hear(event: Event) -> None:
    if isinstance(event, Warned):
        warn(event.text)


def _lookup(store: Store | None, offers: Mapping[Output, Offer]) -> Lookup:
    """Return a lookup of what is in *store*, or would be after the *offers* were fetched."""
    offered: dict[bytes, dict[str, StorePath]] = {}
    for output, offer in offers.items():
        offered.setdefault(output.derivation.key, {})[output.name] = offer.path

    def look_up(keys: list[bytes]) -> Mapping[bytes, Mapping[str, StorePath]]:
        here = store.realised(keys) if store is not None else {}
        return {key: {**here.get(key, {}), **offered.get(key, {})} for key in keys if key in here or key in offered}

    return look_up


def _places(session: Session, offers: Mapping[Output, Offer]) -> list[str]:
    home = session.layout.objects
    return [str(home / str(it.path)) for it in offers.values()]


def _outlooks(session: Session, fates: Sequence[Forecast]) -> list[Outlook]:
    """Return what the builds of kernels would compile, as far as that is known."""
    from kernix.outlook import outlook  # noqa: PLC0415 -- start-up: for kernels that are not built

    kernels = [it.derivation for it in fates if it.fate is not Fate.REUSED and it.derivation.hints.object_tree]
    return [it for it in (outlook(session, kernel) for kernel in kernels) if it is not None]


def _fetched(fetches: Sequence[Derivation]) -> None:
    if not fetches:
        return
    known = {it: int(it.env["size"]) for it in fetches if it.env.get("size", "").isdecimal()}
    more = " and more" if len(known) < len(fetches) else ""
    amount = f" ({size(sum(known.values()))}{more})" if known else ""
    click.echo(f"{number(len(fetches), 'derivation')} would be fetched{amount}:")
    _list([(it.name, size(known[it]) if it in known else "") for it in fetches])


def _conditional(found: Forecast) -> tuple[str, str, str]:
    names = [it.name for it in found.unknown]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return found.derivation.name, found.derivation.hints.description, f"needs {', '.join(names[:_NAMED])}{more}"


def _list(table: Sequence[Sequence[str]]) -> None:
    for line in rows(table):
        click.echo(f"  {line}")


def _facts(session: Session, fates: Sequence[Forecast], present: Mapping[Output, StorePath]) -> dict[str, Any]:
    return {
        "build": [
            {
                "name": it.derivation.name,
                "builder": it.derivation.builder,
                "key": it.derivation.key.hex(),
                "certain": it.fate is Fate.BUILT,
                "needs_unknown": [each.name for each in it.unknown],
            }
            for it in fates
            if it.fate is not Fate.REUSED
        ],
        "reuse": [
            {
                "name": it.derivation.name,
                "key": it.derivation.key.hex(),
                "outputs": {name: str(session.store.path(path)) for name, path in it.outputs.items()},
            }
            for it in fates
            if it.fate is Fate.REUSED
        ],
        "present": [
            {"name": output.derivation.name, "output": output.name, "path": str(session.store.path(path))}
            for output, path in present.items()
        ],
    }
