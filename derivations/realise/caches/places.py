"""From the URL of a cache to its transport."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from store.caches.directory import DirectoryTransport
from store.caches.paths import TAR_SUFFIX
from store.signing.keyring import InvalidCacheURL


if TYPE_CHECKING:
    from collections.abc import Callable

    from store.caches.transport import Transport


def open_transport(url: str) -> Transport:
    """Return how to reach the cache at *url*; nothing is asked yet.

    Raises:
        InvalidCacheURL: there is no transport for it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidCacheURL(url, str(error).lower()) from None
    if parts.query or parts.fragment:
        raise InvalidCacheURL(url, "it has a `?` or a `#`")
    opener = _OPENERS.get(parts.scheme)
    if opener is None:
        raise InvalidCacheURL(url, f"the scheme {parts.scheme!r} is unknown" if parts.scheme else "it has no scheme")
    return opener(url)


def is_local(url: str) -> bool:
    """Return whether the cache at *url* is reached without a network."""
    return urlsplit(url).scheme == "file"


def _directory(url: str) -> Transport:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc not in {"", "localhost"}:
        raise InvalidCacheURL(url, f"it names the machine {parts.netloc!r}; a directory has three slashes")
    if not path.startswith("/") or "\0" in path:
        raise InvalidCacheURL(url, "its path is not absolute")
    if path.endswith(TAR_SUFFIX):
        from store.caches.tar_file import TarTransport  # noqa: PLC0415 -- start-up: tarfile

        return TarTransport(Path(path))
    return DirectoryTransport(Path(path))


def _http(url: str) -> Transport:
    from derivations.realise.caches.http import HttpTransport  # noqa: PLC0415 -- start-up: requests

    if not urlsplit(url).hostname:
        raise InvalidCacheURL(url, "it names no host")
    return HttpTransport(url)


_OPENERS: dict[str, Callable[[str], Transport]] = {"file": _directory, "http": _http, "https": _http}
