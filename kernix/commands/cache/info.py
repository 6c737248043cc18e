"""`kernix cache info`: show what is in a cache."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import click

from kernix import cache_list
from kernix.output.printable import one_line
from kernix.output.quantities import number, size
from kernix.output.table import rows
from store.caches.check import size_of
from store.caches.errors import NotInCache
from store.caches.paths import info_path
from store.path import InvalidStorePath, StorePath


if TYPE_CHECKING:
    from kernix.session import Session
    from store.caches.info import Info


@click.command()
@click.argument("name", required=False)
@click.argument("path", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def command(session: Session, /, *, name: str | None, path: str | None, as_json: bool) -> None:
    """Show how much is in the cache NAME, which may be a URL; or what it says about the store path PATH.

    Without NAME, it is the first cache of the list.
    """
    if path is None and name is not None and _is_store_path(name):
        name, path = None, name
    cache = cache_list.chosen(session, name).opened(session)
    if path is None:
        count, total = size_of(cache)
        if as_json:
            click.echo(json.dumps({"url": cache.url, "objects": count, "size": total}, indent=2))
        else:
            click.echo(one_line(f"{cache.url}: {number(count, 'object')}, {size(total)}"))
        return
    wanted = _store_path(path)
    info = cache.info(wanted)
    if info is None:
        raise NotInCache(cache.url, info_path(wanted))
    if as_json:
        click.echo(info.encode().decode(), nl=False)
        return
    for line in rows(_facts(info)):
        click.echo(one_line(line))


def _store_path(text: str) -> StorePath:
    return StorePath.parse(text.rstrip("/").rpartition("/")[2])


def _is_store_path(text: str) -> bool:
    """Return whether *text* is a store path rather than the name of a cache or its URL."""
    if ":" in text:
        return False
    try:
        _store_path(text)
    except InvalidStorePath:
        return False
    return True


def _facts(info: Info) -> list[tuple[Any, ...]]:
    facts = [
        ("path", str(info.path)),
        ("digest", info.digest.hex()),
        ("size", size(info.size)),
        ("archive", size(info.archive.cost)),
    ]
    facts += [("delta", f"{size(it.cost)} against {it.base}") for it in info.deltas]
    facts += [("reference", str(it)) for it in info.references]
    if info.deriver is not None:
        facts.append(("deriver", str(info.deriver)))
    facts += [("result of", f"{key.hex()} ({output})") for key, output in info.results]
    facts += [("signed by", it.key) for it in info.signatures]
    return list(facts)
