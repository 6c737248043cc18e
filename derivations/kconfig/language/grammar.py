"""The text forms of requests, read strictly.

Kconfig silently drops what it does not understand. So every line is exactly one of

    CONFIG_X=value              y, m, n, 17, 0x10, "text"
    # CONFIG_X is not set
    CONFIG_X                    the same, as in Guix' defconfigs
    $(call KCONFIG_ENABLE_OPT,CONFIG_X)
    $(call KCONFIG_DISABLE_OPT,CONFIG_X)
    $(call KCONFIG_SET_OPT,CONFIG_X,value)
                                as in Buildroot's packages (package/pkg-utils.mk)

or blank, or another comment. A near miss is a problem, reported with a valid line to write instead. `#CONFIG_X=y`,
which people write to disable an assignment, is a comment that deserves a remark. Words after `is not set` are a
problem: up to 6.9 Kconfig reads the line as n, later as a comment. A text that begins like a list is a Guix
association list (`derivations.kconfig.language.guix_alist`).
"""

from __future__ import annotations

import re
import warnings

from typing import TYPE_CHECKING, NamedTuple

from derivations.kconfig.language.guix_alist import is_alist, pairs
from derivations.kconfig.language.values import NO, YES, Value, checked, option_name, read, shown


if TYPE_CHECKING:
    from collections.abc import Iterator


_ASSIGNMENT = re.compile(r"CONFIG_([A-Za-z0-9_]+)=(.*)", re.ASCII)
_NOT_SET = re.compile(r"# CONFIG_([A-Za-z0-9_]+) is not set", re.ASCII)
_BARE = re.compile(r"CONFIG_([A-Za-z0-9_]+)", re.ASCII)
_SWITCH = re.compile(r"\s*\$\(call KCONFIG_(ENABLE|DISABLE)_OPT,CONFIG_([A-Za-z0-9_]+)(?:,\S*)?\)", re.ASCII)
_SET = re.compile(r"\s*\$\(call KCONFIG_SET_OPT,CONFIG_([A-Za-z0-9_]+),([^,]*)(?:,\S*)?\)", re.ASCII)

_NEARLY_NOT_SET = re.compile(r"(?:#\s*)?(?:CONFIG_(\w+)|([A-Z0-9_]+))\s+is\s+not\s+set", re.ASCII)
_MORE_THAN_NOT_SET = re.compile(r"#\s*CONFIG_(\w+)\s+is\s+not\s+set\b.*", re.ASCII)
_NEARLY_ASSIGNMENT = re.compile(r"(?:CONFIG_|config_)?([A-Z0-9_]+|(?<=config_)\w+)\s*=\s*(\S.*)?", re.ASCII)
_COMMENTED_OUT = re.compile(r"^[ \t]*#[ \t]*CONFIG_([A-Za-z0-9_]+)[ \t]*=.*$", re.ASCII | re.MULTILINE)
_NIX = re.compile(r"(?:CONFIG_)?([A-Z0-9_]+)\??\s+([ymn]|[0-9]\S*|\".*\")", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_COMMENTED = re.compile(r"(\S+|\".*\")\s+#.*")
_WORDS = {"Y": "y", "yes": "y", "true": "y", "M": "m", "module": "m", "N": "n", "no": "n", "false": "n"}
_LENGTH = 200
"""The longest line to suggest: nobody copies a longer one from a message."""

_STEPS = 4
"""The most corrections of a suggestion: a line has a name, a sign and a value that can be wrong."""


class Assignment(NamedTuple):
    """The option and value of one line."""

    option: str
    value: Value
    line: int


class Reading(NamedTuple):
    """The assignments and problems of a text, both in order."""

    assignments: list[Assignment]
    problems: list[str]


class ConfigRemark(UserWarning):
    """A configuration is valid, but something in it is probably a mistake."""


class NearlyAssignment(ValueError):
    """A line that is almost an assignment: the problem, and a line to write instead."""

    def __init__(self, wrong: str, instead: str, more: str = "") -> None:
        """Take the problem, the line to write, and *more* to say after that line."""
        super().__init__(wrong)
        self.wrong = wrong
        self.instead = instead
        self.more = more


def remarks(text: str) -> list[str]:
    """Return a sentence about assignments in *text* that are commented out, if there are any."""
    found = [] if is_alist(text) else list(_COMMENTED_OUT.finditer(text))
    if not found:
        return []
    first = found[0]
    line = text.count("\n", 0, first.start()) + 1
    others = len(found) - 1
    more = f" ({'another line is' if others == 1 else f'{others} other lines are'}, too)" if others else ""
    remark = f"line {line}: {shown(first[0])} is a comment{more}, and requests nothing"
    return [f"{remark}; to request n, write `# CONFIG_{first[1]} is not set`"]


def remark_on(text: str, name: str) -> None:
    """Warn about commented-out assignments in *text*, of the file *name*."""
    for it in remarks(text):
        warnings.warn(f"{name}: {it}", ConfigRemark, stacklevel=3)


def parse(text: str) -> Reading:
    """Return every assignment in *text*, and every problem."""
    problems = []
    if text.startswith("\ufeff"):
        problems.append("line 1: the text begins with a byte-order mark; save it as UTF-8 without one")
        text = text[1:]
    if "\r\n" in text:
        line = text[: text.index("\r\n")].count("\n") + 1
        problems.append(f"line {line}: it has a Windows line ending; `sed -i 's/\\r$//'` converts all of them")
        text = text.replace("\r\n", "\n")
    found: dict[str, Assignment] = {}
    for line, outcome in pairs(text) if is_alist(text) else _lines(text):
        if isinstance(outcome, ValueError):
            problems.append(f"line {line}: {outcome}")
            continue
        option, value = outcome
        if option in found:
            problems.append(f"line {line}: CONFIG_{option} is listed twice, first in line {found[option].line}")
        else:
            found[option] = Assignment(option, value, line)
    return Reading(list(found.values()), problems)


def _lines(text: str) -> Iterator[tuple[int, tuple[str, Value] | ValueError]]:
    for number, raw in enumerate(text.split("\n"), 1):
        try:
            pair = read_line(raw)
        except ValueError as error:
            yield number, error
        else:
            if pair is not None:
                yield number, pair


def read_line(raw: str) -> tuple[str, Value] | None:
    """Return the option and value that the line *raw* sets; None for a comment.

    Raises:
        ValueError: it is almost a request; the message says what to write.
    """
    try:
        return _line(raw)
    except NearlyAssignment as error:
        raise ValueError(_advised(raw, error)) from None


def is_read(raw: str) -> bool:
    """Return whether Kconfig itself reads the line *raw* as an assignment."""
    return (_ASSIGNMENT.fullmatch(raw) or _NOT_SET.fullmatch(raw)) is not None


def _advised(raw: str, error: NearlyAssignment) -> str:
    """Return the problem with the line *raw*, and what to write instead if that is known to be valid."""
    instead: str | None = error.instead
    pair: tuple[str, Value] | None = None
    for _ in range(_STEPS):
        try:
            pair = None if instead is None else _line(instead)
        except NearlyAssignment as further:
            instead = further.instead
        except ValueError:
            instead = None
        else:
            break
    else:
        instead = None
    wrong = f"{shown(raw)}: {error.wrong}" if error.wrong else shown(raw)
    if instead is None or pair is None or len(instead) > _LENGTH:
        return wrong if error.wrong else f"{wrong} is neither an assignment nor a comment"
    joint = "; " if error.wrong else ": "
    return f"{wrong}{joint}write `{instead}`{error.more.format(name=pair[0])}"


def _line(raw: str) -> tuple[str, Value] | None:
    if match := _ASSIGNMENT.fullmatch(raw):
        return option_name(f"CONFIG_{match[1]}"), _value(match[1], match[2])
    if match := _NOT_SET.fullmatch(raw) or _BARE.fullmatch(raw):
        return option_name(f"CONFIG_{match[1]}"), NO
    if match := _SWITCH.fullmatch(raw):
        return option_name(f"CONFIG_{match[2]}"), YES if match[1] == "ENABLE" else NO
    if match := _SET.fullmatch(raw):
        return option_name(f"CONFIG_{match[1]}"), _value(match[1], match[2])
    _refuse_near_miss(raw)
    if raw.strip() and not raw.lstrip().startswith("#"):
        msg = f"{shown(raw)} is neither an assignment nor a comment"
        raise ValueError(msg)
    return None


def _refuse_near_miss(raw: str) -> None:
    """Raise `NearlyAssignment` if *raw* almost has one of the forms."""
    line = raw.strip()
    if line != raw and (_ASSIGNMENT.fullmatch(line) or _NOT_SET.fullmatch(line) or _BARE.fullmatch(line)):
        raise NearlyAssignment("", line, ", without spaces or tabs around it")
    if match := _NEARLY_NOT_SET.fullmatch(line):
        raise NearlyAssignment("", f"# CONFIG_{match[1] or match[2]} is not set")
    if match := _MORE_THAN_NOT_SET.fullmatch(line):
        wrong = "with words after it, Kconfig reads it as n or as a comment, depending on its version"
        raise NearlyAssignment(wrong, f"# CONFIG_{match[1]} is not set", ", or another comment")
    if match := _NEARLY_ASSIGNMENT.fullmatch(line):
        name, value = match[1].upper(), match[2] or '""'
        raise NearlyAssignment("", f"CONFIG_{name}={value}", ", or `# CONFIG_{name} is not set`")
    if match := _NIX.fullmatch(line):
        raise NearlyAssignment("", f"CONFIG_{match[1]}={match[2]}")


def _value(name: str, text: str) -> Value:
    try:
        return checked(read(text))
    except ValueError as error:
        raise _better(f"CONFIG_{name}=", text, error) from None


def _better(assigned: str, text: str, error: ValueError) -> NearlyAssignment:
    """Return the problem with the value *text*, and what to write."""
    quoted = text.strip().replace("\\", "\\\\").replace('"', '\\"')
    if word := _WORDS.get(text.strip()):
        return NearlyAssignment("", f"{assigned}{word}")
    if text.strip() != text:
        return NearlyAssignment("", f"{assigned}{text.strip()}", ", without spaces or tabs around the value")
    if match := _COMMENTED.fullmatch(text):
        return NearlyAssignment("a comment needs a line of its own", f"{assigned}{match[1]}")
    if _HEXADECIMAL.fullmatch(text) and not text.isdecimal():
        more = f', or for a string `{assigned}"{quoted}"`'
        return NearlyAssignment("a hexadecimal number needs 0x", f"{assigned}0x{text}", more)
    return NearlyAssignment(f"{error}; a string needs quotation marks", f'{assigned}"{quoted}"')
