"""`kernix cache add`: add a cache to the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix import cache_list
from kernix.cache_list import Entry
from kernix.output.messages import print_message, warn
from store.caches.errors import CacheError, NoCacheYet
from store.errors import UsageError


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("name")
@click.argument("url")
@click.option("--first", is_flag=True, help="Ask it before the others, instead of after them.")
@click.pass_obj
def command(session: Session, /, *, name: str, url: str, first: bool) -> None:
    """Add the cache at URL under NAME: `file:///DIRECTORY` or `https://HOST/PATH`.

    A NAME that is in the list gets the new URL. The cache need not exist yet: the first `kernix push` creates it.
    """
    entry = Entry(cache_list.check_cache_name(name), url.rstrip("/") if not url.endswith("//") else url)
    cache = entry.opened(session)  # which checks the URL
    others = [it for it in cache_list.entries(session) if it.name != name]
    if (same := next((it for it in others if it.url == entry.url), None)) is not None:
        message = f"{cache.url} is in the list already, as `{same.name}`"
        raise UsageError(message)
    cache_list.write(session, [entry, *others] if first else [*others, entry])
    print_message(f"added {name}: {cache.url}")
    try:
        cache.open()
    except NoCacheYet as error:
        print_message(str(error))
    except CacheError as error:
        warn(f"{error}")
    if not (cache.trust.objects or cache.trust.results):
        warn(f"no key is trusted for {name}, so nothing will be fetched from it: see `kernix key trust`")
