"""Pushing from the command line: to which place, with which key, and what is said about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernix import cache_list, registries
from kernix.keys import signing_key
from kernix.output.messages import print_message, warn
from kernix.output.quantities import size
from store.caches.push import Push
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kernix.session import Session
    from store.caches.push import Pushed
    from store.path import StorePath

    Pusher = Callable[[Session, Sequence[StorePath], str, str | None, str | None], None]


def push(
    session: Session, paths: Sequence[StorePath], to: str | None, key: str | None = None, root: str | None = None
) -> None:
    """Push *paths* to the cache or other place *to*, by default the first cache.

    Raises:
        Error: it cannot be reached or written, or there is no key.
    """
    target = to if to is not None else cache_list.only(session).name
    scheme = target.partition("://")[0] if "://" in target else ""
    _PUSHERS.get(scheme, _push_to_cache)(session, paths, target, key, root)


def push_built(session: Session, to: str, paths: Sequence[StorePath]) -> None:
    """Push *paths*, which were just built; a failure is a warning, because the build succeeded."""
    try:
        push(session, paths, to)
    except Error as error:
        warn(f"what was built was not pushed: {error}")


def _push_to_cache(
    session: Session, paths: Sequence[StorePath], target: str, key: str | None, root: str | None
) -> None:
    cache = cache_list.find(session, target).opened(session)

    def told(done: Pushed) -> None:
        if not done.written:
            print_message(f"{done.path} is in {cache.name} already")
            return
        more = "" if done.delta is None else f", or {size(done.delta)} as a delta"
        print_message(f"pushed {done.path} to {cache.name}: {size(done.archive)}{more}")

    pushing = Push(store=session.store, cache=cache, key=signing_key(session, key), told=told, warn=warn)
    pushing.push(paths, root)


_PUSHERS: Mapping[str, Pusher] = dict.fromkeys(registries.SCHEMES, registries.push)
"""Places that are no caches, by the scheme of their URL, such as a registry: other formats are added here."""
