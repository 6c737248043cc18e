"""Sizes and times as people read and write them: `5G`, `14d`, `1.4 GB`, `2 min 40 s`."""

from __future__ import annotations

import re


LONGEST = 100 * 365 * 86_400
"""Seconds: nobody waits longer, and operating systems' clocks cannot."""

_SIZES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?"
_TIMES = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_TIME = r"(\d+(?:\.\d+)?)\s*([a-z]*)"
_LARGEST = 2**63 - 1  # bytes: no file system has more
_STEP = 1000  # from one unit to the next, as the prefixes of SI
_MINUTE = 60
_HOUR = 3600
_DAY = 86_400
_SHORT = 10  # seconds: below, tenths matter


def parse_size(text: str) -> int:
    """Return the bytes that *text* means: a number, and `K`, `M`, `G` or `T` for powers of 1024.

    Raises:
        ValueError: *text* is not a size.
    """
    if (match := re.fullmatch(_SIZE, text.strip(), re.ASCII | re.IGNORECASE)) is None:
        msg = f"invalid size {_cut(text)!r}, write it as 500M or 5G"
        raise ValueError(msg)
    if not (count := float(match[1]) * _SIZES[match[2].lower()]) <= _LARGEST:
        msg = f"the size {_cut(text)!r} is too large"
        raise ValueError(msg)
    return int(count)


def parse_time(text: str) -> float:
    """Return the seconds that *text* means: a number, and `s`, `m`, `h`, `d` or `w`.

    Raises:
        ValueError: *text* is not a length of time.
    """
    match = re.fullmatch(_TIME, text.strip(), re.ASCII | re.IGNORECASE)
    if match is None or match[2].lower() not in _TIMES:
        msg = f"invalid time {_cut(text)!r}, write it as 30m, 12h or 14d"
        raise ValueError(msg)
    if not (seconds := float(match[1]) * _TIMES[match[2].lower()]) <= LONGEST:
        msg = f"the time {_cut(text)!r} is too long"
        raise ValueError(msg)
    return seconds


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"  # noqa: PLR2004 -- a word's worth


def size(count: float) -> str:
    """Return *count* bytes in the largest unit that gives a number of at least one: `93.4 MB`."""
    if count < _STEP:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= _STEP
        if round(count, 1) < _STEP:
            return f"{count:.1f} {unit}"
    return f"{count / _STEP:.1f} TB"


def duration(seconds: float) -> str:
    """Return *seconds* as `0.4 s`, `40 s`, `2 min 40 s` or `1 h 5 min`."""
    if seconds < _SHORT:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def ago(seconds: float) -> str:
    """Return how long ago something was: `40 seconds ago`, `3 minutes ago`, `2 hours ago`, `5 days ago`."""
    for unit, length in (("day", _DAY), ("hour", _HOUR), ("minute", _MINUTE)):
        if seconds >= length:
            return f"{number(int(seconds // length), unit)} ago"
    return f"{number(int(seconds), 'second')} ago"


def clock(seconds: float) -> str:
    """Return *seconds* as 1:02 or 1:02:03, which keeps its width while it counts."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def number(count: int, one: str, more: str | None = None) -> str:
    """Return *count* with its noun: `1 object`, `2 objects`, `3 entries`."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
