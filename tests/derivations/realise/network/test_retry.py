"""Tests for derivations.realise.network.retry."""

from __future__ import annotations

import email.utils
import time

import pytest

from derivations.realise.network.retry import Backoff, is_transient, retry_after


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507, 599])
def test_temporary_failures_are_transient(status: int) -> None:
    """Overload and server errors may be temporary."""
    assert is_transient(status)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 416, 501, 505, 511])
def test_permanent_failures_are_not_retried(status: int) -> None:
    """A failure that will not change is not retried."""
    assert not is_transient(status)


def test_waits_grow_up_to_the_cap() -> None:
    """Each failure doubles the wait, until the cap."""
    backoff = Backoff(base=1, cap=6, jitter=lambda: 1)
    assert [backoff.delay(n) for n in (1, 2, 3, 4, 10_000)] == [1, 2, 4, 6, 6]


def test_the_jitter_is_full() -> None:
    """The wait may be any fraction of the maximum, even zero."""
    assert Backoff(base=1, jitter=lambda: 0).delay(3) == 0
    assert Backoff(base=1, jitter=lambda: 0.5).delay(3) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_left_alone_for_longer(status: int) -> None:
    """An overloaded server is retried later."""
    assert Backoff(jitter=lambda: 1).delay(1, status=status) == 5


def test_retry_after_is_a_lower_bound() -> None:
    """`Retry-After` is respected whatever the jitter."""
    assert Backoff(jitter=lambda: 0).delay(1, floor=7) == 7


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(None, 0, id="none"),
        pytest.param("120", 120, id="seconds"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 0, id="past"),
        pytest.param("soon", 0, id="nonsense"),
        pytest.param("-5", 0, id="negative"),
        pytest.param("9" * 5000, 0, id="more-digits-than-a-number-has"),
        pytest.param("Thu, 01 Jan 999999999999 00:00:00 GMT", 0, id="no-such-year"),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float) -> None:
    """Both forms of the header are parsed, and nothing else."""
    assert seconds == retry_after(value)


def test_retry_after_a_date() -> None:
    """A date is converted to seconds from now."""
    assert 3000 < retry_after(email.utils.formatdate(time.time() + 3600, usegmt=True)) <= 3600
