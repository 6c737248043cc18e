"""Interpret a server's response to a download, or the lack of one."""

from __future__ import annotations

import http.client
import re
import ssl

import attrs
import requests
import urllib3

from derivations.realise.network.retry import is_transient, retry_after


_OK = 200
_PARTIAL = 206
_NOT_SATISFIABLE = 416
# No file size has more than 18 digits: a longer number is garbage.
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(?:(\d{1,18})|\*)", re.ASCII)
_WORDS: tuple[tuple[tuple[type[Exception], ...], str, bool], ...] = (
    ((requests.TooManyRedirects,), "too many redirects", False),
    ((requests.exceptions.InvalidHeader,), "its headers disagree about the file's length", False),
    ((requests.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError), "no connection within {0:g} seconds", True),
    ((requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError), "no response within {1:g} seconds", True),
    ((requests.exceptions.InvalidProxyURL,), "the proxy's URL is invalid", False),
    ((requests.exceptions.ChunkedEncodingError,), "the connection was cut", True),
    ((ValueError, urllib3.exceptions.LocationValueError), "not a URL that kernix can fetch", False),
)
_CUTS = (http.client.IncompleteRead, http.client.RemoteDisconnected)
_LONGEST_VALIDATOR = 256  # characters; servers make them of a hash, or of a size and a time
_NO_TUNNEL = re.compile("Tunnel connection failed: (.+)")
_LONGEST_REASON = 200  # characters of a server's own words: two or three lines
_SHOWN = 40  # characters; a valid length has at most 18


@attrs.frozen
class TryFailed(Exception):
    """One attempt failed.

    Attributes:
        message: The server's answer, or the failure, without any part of the URL.
        transient: Whether the same request may soon succeed.
        status: The status of the response, if there was one.
        floor: The seconds that the server asks us to wait.
    """

    message: str
    transient: bool = False
    status: int | None = None
    floor: float = 0


@attrs.frozen
class NotContinued(TryFailed):
    """The server did not send the rest of the file."""


def is_complete(response: requests.Response, offset: int) -> bool:
    """Return whether the server reports that the file ends at *offset*, so that nothing is missing."""
    return response.status_code == _NOT_SATISFIABLE and _content_range(response)[1] == offset


def place_in_file(response: requests.Response, offset: int) -> tuple[int, int | None]:
    """Return the offset of the response's bytes in the file, and the length of the whole file.

    Raises:
        NotContinued: the part from *offset* on was requested, and the response is another part.
        TryFailed: the response is not the file.
    """
    if response.status_code == _OK:
        return 0, _length(response)
    start, total = _content_range(response)
    if response.status_code == _PARTIAL and start == offset:
        return offset, total
    if response.status_code in {_PARTIAL, _NOT_SATISFIABLE} and offset:
        msg = "the server did not resume the download at the requested offset"
        raise NotContinued(msg, transient=True)
    status = response.status_code
    floor = retry_after(response.headers.get("Retry-After"))
    answer = f"{status} {(response.reason or '')[:_LONGEST_REASON]}".strip()
    raise TryFailed(answer, transient=is_transient(status), status=status, floor=floor)


def validator(response: requests.Response) -> str | None:
    """Return the validator of this version of the file for `If-Range`; a weak tag does not qualify."""
    tag = response.headers.get("ETag")
    found = tag if tag is not None and not tag.startswith("W/") else response.headers.get("Last-Modified")
    # We send this back to the server, so it must not be able to inject a header.
    usable = found is not None and len(found) <= _LONGEST_VALIDATOR and found.isprintable() and found == found.strip()
    return found if usable else None


def explain(error: Exception, timeouts: tuple[float, float]) -> TryFailed:
    """Return *error* as a failed attempt, described without any part of the URL."""
    for kinds, text, transient in _WORDS:
        if isinstance(error, kinds):
            return TryFailed(text.format(*timeouts), transient=transient)
    cause = _root(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TryFailed(f"its certificate is invalid ({cause.verify_message})")
    if isinstance(cause, http.client.HTTPException) and not isinstance(cause, _CUTS):
        return TryFailed(f"it does not speak HTTP ({type(cause).__name__})")
    if (refused := _NO_TUNNEL.match(str(cause))) is not None:
        return TryFailed(f"the proxy answered {refused[1][:_LONGEST_REASON]}")
    return TryFailed(_system_words(cause), transient=True)


def _system_words(cause: BaseException) -> str:
    if isinstance(cause, ssl.SSLError):
        return f"it does not speak TLS ({(cause.reason or 'it stops').replace('_', ' ').lower()})"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return "the connection was cut"


def _length(response: requests.Response) -> int | None:
    """Return the length of the file, if the response has it.

    Raises:
        TryFailed: the length is invalid.
    """
    header = response.headers.get("Content-Length")
    if header is None or "Transfer-Encoding" in response.headers:  # which takes precedence (RFC 9112, 6.3)
        return None
    lengths = {it.strip() for it in header.split(",")}
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        raise TryFailed(f"its Content-Length {header[:_SHOWN]!r} is not a number")
    return int(length)


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return where the response's part begins and how long the whole file is, each None if unknown."""
    place = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if place is None:
        return None, None
    return int(place[1]) if place[1] else None, int(place[2]) if place[2] else None


def _root(error: BaseException) -> BaseException:
    """Return the innermost error that *error* wraps: urllib3 keeps it in `reason` or in the arguments."""
    inner = getattr(error, "reason", None)
    candidates = [inner, *error.args, error.__cause__, error.__context__]
    for candidate in candidates:
        if isinstance(candidate, BaseException):
            return _root(candidate)
    return error
