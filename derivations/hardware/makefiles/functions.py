"""The functions of GNU make that the kernel's makefiles use (GNU make manual, chapter 8).

Each takes its arguments expanded, except that `$(CONFIG_X)` remains as it is (see `gate`).
"""

from __future__ import annotations

import posixpath
import re

from typing import TYPE_CHECKING

from derivations.hardware.makefiles.gate import SYMBOL, SYMBOLIC, UNKNOWN, when


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def _pattern(pattern: str) -> re.Pattern[str]:
    before, percent, after = pattern.strip().partition("%")
    return re.compile(re.escape(before) + ("(.*)" if percent else "") + re.escape(after))


def patsubst(arguments: list[str]) -> str:
    """Return the words with the pattern replaced: `%.c,%.o,words`."""
    pattern, replacement, words = (*arguments, "", "", "")[:3]
    expression, new = _pattern(pattern), replacement.strip()
    found = []
    for word in words.split():
        match = expression.fullmatch(word)
        stem = match[1] if match is not None and match.groups() else ""
        found.append(word if match is None else new.replace("%", stem, 1))
    return " ".join(found)


def _subst(arguments: list[str]) -> str:
    old, new, text = (*arguments, "", "", "")[:3]
    if SYMBOL.search(new):
        return f"{text}&{new}"  # `$(subst y,$(CONFIG_A),$(CONFIG_B))` is a module if A is one, and off without B
    if not old or SYMBOL.search(old):
        return text
    # Do not replace inside the name of an option.
    parts = re.split(rf"({SYMBOLIC.pattern})", text)
    return "".join(part if index % 2 else part.replace(old, new) for index, part in enumerate(parts))


def _filter(arguments: list[str], *, keep: bool) -> str:
    patterns = [_pattern(it) for it in arguments[0].split()]
    words = arguments[1].split() if len(arguments) > 1 else []
    return " ".join(
        word for word in words if SYMBOLIC.search(word) or keep == any(it.fullmatch(word) for it in patterns)
    )


def _if(arguments: list[str]) -> str:
    condition, then, otherwise = (*arguments, "", "")[:3]
    if SYMBOLIC.search(condition):
        return f"{when(condition, then)} {otherwise}"
    return then if condition.strip() else otherwise


def _and(arguments: list[str]) -> str:
    words = [it.strip() for it in arguments]
    return "&".join(it for it in words if SYMBOLIC.search(it)) or words[-1] if all(words) else ""


def _findstring(arguments: list[str]) -> str:
    wanted, text = (*arguments, "")[:2]
    return UNKNOWN if SYMBOLIC.search(text) else wanted * (wanted in text)


def _each(change: Callable[[str], str]) -> Callable[[list[str]], str]:
    return lambda arguments: " ".join(change(word) for word in arguments[-1].split())


def _last(arguments: list[str]) -> str:
    return arguments[-1]


def _unknown(_: Iterable[str]) -> str:
    return UNKNOWN


FUNCTIONS: dict[str, Callable[[list[str]], str]] = {
    "abspath": _each(posixpath.normpath),
    "addprefix": lambda it: " ".join(f"{it[0].strip()}{word}" for word in it[-1].split()),
    "addsuffix": lambda it: " ".join(f"{word}{it[0].strip()}" for word in it[-1].split()),
    "and": _and,
    "basename": _each(lambda word: posixpath.splitext(word)[0]),
    "call": _unknown,
    "dir": _each(lambda word: f"{posixpath.dirname(word) or '.'}/"),
    "error": lambda _: "",
    "eval": lambda _: "",
    "filter": lambda it: _filter(it, keep=True),
    "filter-out": lambda it: _filter(it, keep=False),
    "findstring": _findstring,
    "firstword": lambda it: next(iter(it[-1].split()), ""),
    "if": _if,
    "info": lambda _: "",
    "lastword": lambda it: next(reversed(it[-1].split()), ""),
    "notdir": _each(posixpath.basename),
    "or": " ".join,
    "patsubst": patsubst,
    "realpath": _each(posixpath.normpath),
    "shell": _unknown,
    "sort": lambda it: " ".join(sorted(set(it[-1].split()))),
    "strip": _each(str),
    "subst": _subst,
    "warning": lambda _: "",
    "wildcard": _last,
}
