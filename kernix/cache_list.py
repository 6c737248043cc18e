"""The user's caches: `caches.json` in the configuration directory, which `kernix cache` writes.

    {"version": 1, "caches": [{"name": "team", "url": "https://…"}, …]}

They are asked in this order. Whose signatures are believed about each is the matter of `kernix key trust`.
"""

from __future__ import annotations

import json
import re

from typing import TYPE_CHECKING

import attrs

from derivations.fetch import without_credentials
from derivations.realise.caches.places import is_local, open_transport
from derivations.suggest import suggestion
from kernix import places
from kernix.keys import keyring
from kernix.output.messages import print_message
from store.caches.cache import Cache
from store.errors import Error, UsageError, reason_of
from store.osutil.durable import write_whole
from store.parsing import parse_json


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from derivations.realise.settings import Settings
    from kernix.session import Session


VERSION = 1

_ADDED = "`kernix cache add NAME URL` adds one"

_NAME = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z._-]{0,63}", re.ASCII)


class InvalidCacheList(Error):
    """The list of caches cannot be read."""

    file: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"

    @property
    def hint(self) -> str:
        """Say how to get a valid one."""
        return "delete the file, and add the caches again with `kernix cache add`"


class NoSuchCache(UsageError):
    """No cache has a name."""


@attrs.frozen
class Entry:
    """A cache of the user's: its name and its URL, which may have credentials."""

    name: str
    url: str

    def opened(self, session: Session) -> Cache:
        """Return the cache, of which nothing has been asked yet."""
        return opened(session, self.name, self.url)


def opened(session: Session, name: str, url: str) -> Cache:
    """Return the cache at *url*, with the keys that are trusted for it.

    Raises:
        InvalidCacheURL: there is no transport for it.
    """
    return Cache(name, open_transport(url), keyring(session).trust_for(without_credentials(url)))


def open_caches(session: Session, *, offline: bool) -> tuple[Cache, ...]:
    """Return the user's caches for one run; if *offline*, those in directories.

    Raises:
        InvalidCacheList: the list cannot be read.
    """
    return tuple(it.opened(session) for it in entries(session) if not offline or is_local(it.url))


def with_caches(session: Session, settings: Settings) -> Settings:
    """Return *settings* with the user's caches."""
    return attrs.evolve(settings, caches=open_caches(session, offline=settings.offline))


def entries(session: Session) -> tuple[Entry, ...]:
    """Return the user's caches, in the order in which they are asked.

    Raises:
        InvalidCacheList: the list cannot be read.
    """
    file = _file(session)
    try:
        document = parse_json(file.read_bytes())
        if not isinstance(document, dict) or document.get("version") != VERSION:
            msg = f"it is not a list of caches of version {VERSION}"
            raise ValueError(msg)  # noqa: TRY301 -- as those of `parse_json`
        return tuple(Entry(it["name"], it["url"]) for it in document["caches"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise InvalidCacheList(file, reason_of(error)) from None
    except (KeyError, TypeError, AttributeError):
        raise InvalidCacheList(file, "it is not a list of caches") from None


def write(session: Session, caches: Sequence[Entry]) -> None:
    """Write the list of *caches*, for the user alone: URLs may have passwords."""
    document = {"version": VERSION, "caches": [attrs.asdict(it) for it in caches]}
    write_whole(_file(session), json.dumps(document, indent=2) + "\n", mode=0o600)


def check_cache_name(name: str) -> str:
    """Return *name* if a cache can have it.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(name):
        message = f"invalid name of a cache {name[:80]!r}"
        raise UsageError(message, "a name has letters, digits and any of . _ -, and begins with a letter or a digit")
    return name


def find(session: Session, text: str) -> Entry:
    """Return the cache that is called *text*, or whose URL *text* is; a URL need not be in the list.

    Raises:
        NoSuchCache: there is none.
    """
    known = entries(session)
    for it in known:
        if text in {it.name, it.url}:
            return it
    if ":" in text:
        return Entry(without_credentials(text), text)
    raise no_such_cache(session, text)


def no_such_cache(session: Session, text: str) -> NoSuchCache:
    """Return the error that no cache of the list is called *text*."""
    names = [it.name for it in entries(session)]
    listed = f"the list has {', '.join(f'`{name}`' for name in names)}"
    advice = (suggestion(text, names) or listed) if names else _ADDED
    return NoSuchCache(f"there is no cache {text[:80]!r}", advice)


def chosen(session: Session, text: str | None) -> Entry:
    """Return the cache that *text* names, as `find`; without *text* the first of the list, and say which that is.

    Raises:
        NoSuchCache: there is none.
    """
    if text is not None:
        return find(session, text)
    entry = only(session)
    print_message(f"the first cache of the list is {entry.name}: {without_credentials(entry.url)}")
    return entry


def only(session: Session) -> Entry:
    """Return the first cache of the list.

    Raises:
        NoSuchCache: there is none.
    """
    known = entries(session)
    if not known:
        message = "no cache is known"
        raise NoSuchCache(message, _ADDED)
    return known[0]


def _file(session: Session) -> Path:
    return session.config_home / places.CACHES
