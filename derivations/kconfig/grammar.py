"""The text forms of requests, read strictly.

Kconfig drops what it does not understand without a word. So every line is exactly one of

    CONFIG_X=value              y, m, n, 17, 0x10, "text"
    # CONFIG_X is not set
    CONFIG_X                    the same, as Guix' defconfigs say it
    $(call KCONFIG_ENABLE_OPT,CONFIG_X)
    $(call KCONFIG_DISABLE_OPT,CONFIG_X)
    $(call KCONFIG_SET_OPT,CONFIG_X,value)
                                as Buildroot's packages say it (package/pkg-utils.mk)

or blank, or another comment. What nearly is one of these is a problem, told with what to write
instead. A text that begins as a list does is one of Guix' association lists
(`derivations.kconfig.alist`).
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, NamedTuple

from derivations.kconfig.alist import is_alist, pairs
from derivations.kconfig.values import NO, YES, Value, checked, option_name, read, shown


if TYPE_CHECKING:
    from collections.abc import Iterator


_ASSIGNMENT = re.compile(r"CONFIG_([A-Za-z0-9_]+)=(.*)", re.ASCII)
_NOT_SET = re.compile(r"# CONFIG_([A-Za-z0-9_]+) is not set", re.ASCII)
_BARE = re.compile(r"CONFIG_([A-Za-z0-9_]+)", re.ASCII)
_SWITCH = re.compile(r"\s*\$\(call KCONFIG_(ENABLE|DISABLE)_OPT,CONFIG_([A-Za-z0-9_]+)(?:,\S*)?\)", re.ASCII)
_SET = re.compile(r"\s*\$\(call KCONFIG_SET_OPT,CONFIG_([A-Za-z0-9_]+),([^,]*)(?:,\S*)?\)", re.ASCII)

_NEARLY_NOT_SET = re.compile(r"(?:#\s*)?(?:CONFIG_(\w+)|([A-Z0-9_]+))\s+is\s+not\s+set", re.ASCII)
_NEARLY_ASSIGNMENT = re.compile(r"(#?)\s*(?:CONFIG_|config_)?([A-Z0-9_]+|(?<=config_)\w+)\s*=\s*(\S.*)?", re.ASCII)
_NIX = re.compile(r"(?:CONFIG_)?([A-Z0-9_]+)\??\s+([ymn]|[0-9]\S*|\".*\")", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_COMMENTED = re.compile(r"(\S+|\".*\")\s+#.*")
_WORDS = {"Y": "y", "yes": "y", "true": "y", "M": "m", "module": "m", "N": "n", "no": "n", "false": "n"}
_LENGTH = 80


class Assignment(NamedTuple):
    """What one line of a text says of one option."""

    option: str
    value: Value
    line: int


class Reading(NamedTuple):
    """What a text says, and what is wrong with it, both in order."""

    assignments: list[Assignment]
    problems: list[str]


def parse(text: str) -> Reading:
    """Return every assignment that *text* makes, and every problem."""
    problems = []
    if text.startswith("\ufeff"):
        problems.append("line 1: a byte-order mark stands before the text; save it as UTF-8 without one")
        text = text[1:]
    if "\r\n" in text:
        line = text[: text.index("\r\n")].count("\n") + 1
        problems.append(
            f"line {line}: it ends as lines do in Windows; `sed -i 's/\\r$//'` makes Unix' ends of them all"
        )
        text = text.replace("\r\n", "\n")
    found: dict[str, Assignment] = {}
    for line, outcome in pairs(text) if is_alist(text) else _lines(text):
        if isinstance(outcome, ValueError):
            problems.append(f"line {line}: {outcome}")
            continue
        option, value = outcome
        if option in found:
            problems.append(f"line {line}: CONFIG_{option} stands twice, first in line {found[option].line}")
        else:
            found[option] = Assignment(option, value, line)
    return Reading(list(found.values()), problems)


def _lines(text: str) -> Iterator[tuple[int, tuple[str, Value] | ValueError]]:
    for number, raw in enumerate(text.split("\n"), 1):
        try:
            pair = _line(raw)
        except ValueError as error:
            yield number, error
        else:
            if pair is not None:
                yield number, pair


def _line(raw: str) -> tuple[str, Value] | None:
    if match := _ASSIGNMENT.fullmatch(raw):
        return option_name(f"CONFIG_{match[1]}"), _value(raw, match[1], match[2])
    if match := _NOT_SET.fullmatch(raw) or _BARE.fullmatch(raw):
        return option_name(f"CONFIG_{match[1]}"), NO
    if match := _SWITCH.fullmatch(raw):
        return option_name(f"CONFIG_{match[2]}"), YES if match[1] == "ENABLE" else NO
    if match := _SET.fullmatch(raw):
        return option_name(f"CONFIG_{match[1]}"), _value(raw, match[1], match[2])
    if instead := _instead(raw):
        msg = f"{shown(raw)}: write {instead}"
        raise ValueError(msg)
    if raw.strip() and not raw.lstrip().startswith("#"):
        msg = f"{shown(raw)} is neither an assignment nor a comment"
        raise ValueError(msg)
    return None


def _instead(raw: str) -> str | None:
    """Return what was meant by *raw*, a line that nearly is of one of the forms; None for any other line."""
    line = raw.strip()
    if line != raw and (_ASSIGNMENT.fullmatch(line) or _NOT_SET.fullmatch(line) or _BARE.fullmatch(line)):
        return f"`{line[:_LENGTH]}`, with no blank or tab before or behind it"
    if match := _NEARLY_NOT_SET.fullmatch(line):
        return f"`# CONFIG_{match[1] or match[2]} is not set`"
    if (match := _NEARLY_ASSIGNMENT.fullmatch(line)) and (not match[1] or "CONFIG_" in raw):
        name, value = match[2].upper(), (match[3] or "value")[:_LENGTH]
        return f"`CONFIG_{name}={value}`, or `# CONFIG_{name} is not set`"
    if match := _NIX.fullmatch(line):
        return f"`CONFIG_{match[1]}={match[2][:_LENGTH]}`"
    return None


def _value(raw: str, name: str, text: str) -> Value:
    try:
        return checked(read(text))
    except ValueError as error:
        assigned = f"CONFIG_{name}="
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')[:_LENGTH]
        if word := _WORDS.get(text.strip()):
            hint = f"write `{assigned}{word}`"
        elif text != text.rstrip():
            hint = f"write `{assigned}{text.rstrip()[:_LENGTH]}`, with no blank or tab behind it"
        elif match := _COMMENTED.fullmatch(text):
            hint = f"a comment needs a line of its own, and the value is `{assigned}{match[1][:_LENGTH]}`"
        elif _HEXADECIMAL.fullmatch(text) and not text.isdecimal():
            hint = f'a hexadecimal number needs 0x: `{assigned}0x{text[:_LENGTH]}`, and a text quotation marks: `{assigned}"{quoted}"`'
        else:
            hint = f'{error}; a text needs quotation marks: `{assigned}"{quoted}"`'
        raise ValueError(f"{shown(raw)}: {hint}") from None
