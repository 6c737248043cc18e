"""When to retry a download, and how long to wait first; `download` has the loop.

Broken connections, timeouts, 408, 425, 429 and 5xx except 501, 505 and 511 are transient, as in
Nix's `filetransfer.cc`. The wait grows exponentially with full jitter: every client picks a moment
in the whole interval, so that they do not all come back at once. The server's `Retry-After` is a
lower bound.
"""

from __future__ import annotations

import random

from typing import TYPE_CHECKING

import attrs
import urllib3


if TYPE_CHECKING:
    from collections.abc import Callable


_BUSY = frozenset({429, 503})
_TRANSIENT = frozenset({408, 425, 429})
_PERMANENT = frozenset({501, 505, 511})
_SERVER_ERROR = 500


def is_transient(status: int) -> bool:
    """Return whether a server that answered *status* may soon answer differently."""
    return status in _TRANSIENT or (status >= _SERVER_ERROR and status not in _PERMANENT)


@attrs.frozen(kw_only=True)
class Backoff:
    """How long to wait before the next attempt.

    Attributes:
        base: Seconds after the first failure.
        busy: Seconds after the first failure if the server reported that it is busy.
        cap: The longest wait, and the longest `Retry-After` that is followed.
        jitter: Returns a number from 0 to 1, the fraction of the wait to use.

    The waits of five retries add up to three seconds at most, and with a busy server to two minutes.
    """

    base: float = 0.1
    busy: float = 5
    cap: float = 60
    jitter: Callable[[], float] = random.random

    def delay(self, failures: int, *, status: int | None = None, floor: float = 0) -> float:
        """Return the seconds to wait after *failures* in a row, at least *floor*."""
        first = self.busy if status in _BUSY else self.base
        # The exponent is bounded so that the float does not overflow; the cap applies long before.
        longest = min(self.cap, first * 2.0 ** min(failures - 1, 30))
        return max(floor, longest * self.jitter())


def retry_after(value: str | None) -> float:
    """Return the seconds that a `Retry-After` header (a number or an HTTP date) asks for; 0 if absent or invalid."""
    if value is None:
        return 0
    try:
        return urllib3.Retry().parse_retry_after(value)
    except (
        urllib3.exceptions.InvalidHeader,
        ValueError,
        TypeError,
        IndexError,
        OverflowError,
    ):  # a server may send anything
        return 0
