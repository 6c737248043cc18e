"""Parse the file names in a patch: quoted, dated, with or without a directory prefix."""

from __future__ import annotations

import datetime as dt
import os
import re


ABSENT = b"/dev/null"

_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_OCTAL = frozenset(bytes([it]) for it in b"01234567")
_LETTERS = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_DATE = re.compile(
    rb"[ \t]+((\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?(?:[ ]?([+-]\d\d):?(\d\d))?"
    rb"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}(?: [+-]\d{4})?)[ \t]*\Z",
    re.ASCII,
)
_LONGEST_DATE = 64  # bytes: one with nanoseconds and a time zone has 35, and there may be blanks around it
_LONGEST_PATH = 4096  # bytes: Linux's PATH_MAX

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class BadName(ValueError):
    """A name is not a valid path in the tree."""


def read(text: bytes) -> tuple[bytes, bool]:
    """Return the name that begins *text*, the rest of a `--- ` or `+++ ` line, and whether its time marks a missing file.

    GNU diff gives a missing file the time 0.
    """
    text = text.rstrip(b"\r\n")
    start = max(len(text) - _LONGEST_DATE, 0)  # a date is short, other text may be long
    date = _DATE.search(text, start)
    absent = date is not None and _is_epoch(date)
    if (quoted := _QUOTED.match(text)) is not None:
        return unquoted(quoted[1]), absent
    name = (text[: date.start()] if date is not None else text).partition(b"\t")[0]
    return ABSENT if name.rstrip() == ABSENT else name, absent


def _is_epoch(date: re.Match[bytes]) -> bool:
    day, time, hours, minutes = date[2], date[3], date[4], date[5]
    if day is None:
        return False
    zone = f"{(hours or b'+00').decode()}:{(minutes or b'00').decode()}"
    try:
        return dt.datetime.fromisoformat(f"{day.decode()}T{time.decode()}{zone}") == _EPOCH
    except ValueError:
        return False


def unquoted(text: bytes) -> bytes:
    """Return *text*, quoted as in C, unquoted."""

    def byte(match: re.Match[bytes]) -> bytes:
        escape = match[1]
        return bytes([int(escape, 8) & 0xFF]) if escape[:1] in _OCTAL else _LETTERS.get(escape, escape)

    return _ESCAPE.sub(byte, text)


def pair(text: bytes, strip: int) -> tuple[bytes, bytes] | None:
    """Return the two names after `diff --git `, if they are the same path without their first *strip* directories."""
    text = text.rstrip(b"\r\n")
    if (old := _QUOTED.match(text)) is not None:
        rest = text[old.end() :].lstrip(b" ")
        new = _QUOTED.fullmatch(rest)
        return unquoted(old[1]), unquoted(new[1]) if new else rest
    if text.endswith(b'"') and (at := text.find(b' "')) > 0 and (new := _QUOTED.fullmatch(text[at + 1 :])):
        return text[:at], unquoted(new[1])
    if len(text) > 2 * _LONGEST_PATH:
        return None
    for match in re.finditer(rb" ", text):
        left, right = text[: match.start()], text[match.end() :]
        if right and _behind(left, strip) == _behind(right, strip) != b"":
            return left, right
    return None


def _behind(name: bytes, strip: int) -> bytes:
    parts = name.split(b"/", strip)
    return parts[-1] if len(parts) > strip else b""


def path(name: bytes, strip: int) -> str:
    """Return *name* as a path in the tree, without its first *strip* directories.

    Raises:
        BadName: it has fewer directories, or is not a path in a tree.
    """
    if name.startswith(b"/"):
        msg = "is absolute"
        raise BadName(msg)
    parts = name.split(b"/")
    if len(parts) <= strip:
        msg = f"has fewer than {strip} directories to strip"
        raise BadName(msg)
    found = parts[strip:]
    if any(part in {b"", b".", b".."} for part in found) or b".." in parts:
        msg = "leads outside the tree"
        raise BadName(msg)
    if any(b"\0" in part or b"\n" in part for part in found):
        msg = "contains a line feed or a zero byte"
        raise BadName(msg)
    return os.fsdecode(b"/".join(found))
