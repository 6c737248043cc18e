"""A set of requested options, from Python values or from the text of a `.config` fragment.

The text form is read strictly, because Kconfig itself drops what it does not understand
without a word: `CONFIG_X=value`, `# CONFIG_X is not set`, other comments and blank lines;
a line that nearly is one of these, and an option that stands twice, are errors, all of them
reported at once.
"""

from __future__ import annotations

import re
import textwrap

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from derivations.frozen_map import FrozenMap
from derivations.kconfig.values import NO, Hex, Optional, Tristate, Unset, Value, read, written
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable


_NAME = re.compile(r"[A-Z0-9_a-z]+", re.ASCII)
_ASSIGNMENT = re.compile(r"CONFIG_([A-Za-z0-9_]+)=(.*)", re.ASCII)
_NOT_SET = re.compile(r"# CONFIG_([A-Za-z0-9_]+) is not set", re.ASCII)
_NEARLY_NOT_SET = re.compile(r"(?:#\s*)?(?:CONFIG_(\w+)|([A-Z0-9_]+))\s+is\s+not\s+set", re.ASCII)
_NEARLY_ASSIGNMENT = re.compile(r"(#?)\s*(?:CONFIG_)?([A-Z0-9_]+)\s*=\s*(\S.*)?")
_NO_TEXT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_NUMBERS = range(-(1 << 63), 1 << 64)
_MAX_PROBLEMS = 20
_LENGTH = 80


class InvalidFragment(Error):
    """A text or mapping does not say which options are wanted."""

    problems: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.problems) - _MAX_PROBLEMS
        shown = "; ".join(self.problems[:_MAX_PROBLEMS])
        return f"invalid configuration: {shown}" + (f"; and {more} more" if more > 0 else "")


@attrs.frozen
class Request:
    """One option's wanted value."""

    value: Value
    optional: bool = False


Asked = Value | Optional | Unset | Request
Requests = FrozenMap[Request]


def requests(asked: Mapping[str, Asked] | str) -> FrozenMap[Request | Unset]:
    """Return what *asked*, a mapping or the text of a fragment, requests, by option name.

    Raises:
        InvalidFragment: with every problem found.
    """
    if isinstance(asked, str):
        return _from_text(textwrap.dedent(asked))  # as it stands in a Python file, in triple quotation marks
    if not isinstance(asked, Mapping):
        raise InvalidFragment((f"{_shown(asked)} is neither a mapping from options to values nor a text",))
    return _from_mapping(asked)


def merge(layers: Iterable[Mapping[str, Request | Unset]]) -> Requests:
    """Return the requests of *layers*, later ones over earlier ones, what was taken back left out."""
    merged: dict[str, Request | Unset] = {}
    for layer in layers:
        merged |= layer
    return FrozenMap({name: request for name, request in merged.items() if isinstance(request, Request)})


def over(asked: Mapping[str, Asked] | str, old: Mapping[str, Request | Unset]) -> FrozenMap[Request | Unset]:
    """Return *old* with what *asked* says put over it, requests to take back kept."""
    return FrozenMap({**old, **requests(asked)})


def text(wanted: Mapping[str, Request]) -> str:
    """Return the canonical text of *wanted*: one line an option, in order of the names."""
    return "".join(f"{line(name, wanted[name].value)}\n" for name in sorted(wanted))


def line(name: str, value: Value) -> str:
    """Return the line of a `.config` that gives option *name* its *value*."""
    return f"# CONFIG_{name} is not set" if value is NO else f"CONFIG_{name}={written(value)}"


def _from_mapping(asked: Mapping[Any, Asked]) -> FrozenMap[Request | Unset]:
    found: dict[str, Request | Unset] = {}
    problems = []
    for key, value in asked.items():
        name = key.removeprefix("CONFIG_") if isinstance(key, str) else ""
        if not _NAME.fullmatch(name) or name.startswith("CONFIG_"):
            problems.append(f"{_shown(key)} is no option name")
        elif name in found:
            problems.append(f"{name} stands twice, with and without CONFIG_")
        else:
            try:
                found[name] = _request(value)
            except ValueError as error:
                problems.append(f"{name}: {error}")
    if problems:
        raise InvalidFragment(tuple(problems))
    return FrozenMap(found)


def _request(value: object) -> Request | Unset:
    if isinstance(value, Unset):
        return value
    if isinstance(value, Request):
        return Request(_checked(value.value), value.optional)
    wanted, is_optional = (value.value, True) if isinstance(value, Optional) else (value, False)
    return Request(_checked(wanted), is_optional)


def _checked(value: object) -> Value:
    """Return *value* if a `.config` can hold it.

    Raises:
        ValueError: it cannot.
    """
    number: object = value.number if isinstance(value, Hex) else value
    if isinstance(number, bool) or not isinstance(value, Tristate | int | str | Hex):
        msg = f"{_shown(value)} is no value; use YES, MODULE, NO, a number, a text, Hex or optional"
        raise ValueError(msg)  # noqa: TRY004 -- one kind for all that is wrong with a value
    if isinstance(value, Hex) and (not isinstance(number, int) or number < 0):
        msg = f"{_shown(value)} is no hexadecimal number"
        raise ValueError(msg)
    if isinstance(number, int) and number not in _NUMBERS:
        msg = "the number has more than 64 bits"
        raise ValueError(msg)
    if isinstance(value, str) and _NO_TEXT.search(value):
        msg = f"{_shown(value)} does not fit in one line of text"
        raise ValueError(msg)
    return value


def _from_text(source: str) -> FrozenMap[Request | Unset]:
    found: dict[str, Request | Unset] = {}
    problems = []
    if source.startswith("\ufeff"):
        problems.append("line 1: a byte-order mark stands before the text")
        source = source[1:]
    for number, raw in enumerate(source.split("\n"), 1):
        try:
            pair = _read_line(raw.rstrip())
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        if pair is None:
            continue
        name, value = pair
        if name in found:
            problems.append(f"line {number}: CONFIG_{name} stands twice")
        found[name] = Request(value)
    if problems:
        raise InvalidFragment(tuple(problems))
    return FrozenMap(found)


def _read_line(raw: str) -> tuple[str, Value] | None:
    if match := _NOT_SET.fullmatch(raw):
        return _option(match[1]), NO
    if match := _ASSIGNMENT.fullmatch(raw):
        return _option(match[1]), _value(raw, match[1], match[2])
    if match := _NEARLY_NOT_SET.fullmatch(raw.strip()):
        msg = f"{_shown(raw)}: write `# CONFIG_{match[1] or match[2]} is not set`"
        raise ValueError(msg)
    if (match := _NEARLY_ASSIGNMENT.fullmatch(raw.strip())) and (not match[1] or "CONFIG_" in raw):
        value = match[3] or "value"
        msg = f"{_shown(raw)}: write `CONFIG_{match[2]}={value[:_LENGTH]}`, or `# CONFIG_{match[2]} is not set`"
        raise ValueError(msg)
    if raw and not raw.lstrip().startswith("#"):
        msg = f"{_shown(raw)} is neither an assignment nor a comment"
        raise ValueError(msg)
    return None


def _value(raw: str, name: str, text: str) -> Value:
    try:
        value = read(text)
    except ValueError as error:
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        msg = f'{_shown(raw)}: {error}; a text needs quotation marks: CONFIG_{name}="{quoted[:_LENGTH]}"'
        raise ValueError(msg) from None
    return _checked(value)


def _shown(value: object) -> str:
    """Return *value* as Python writes it, short enough for a sentence."""
    text = repr(value[: _LENGTH + 1] if isinstance(value, str) else value)
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 3]}..."


def _option(name: str) -> str:
    if name.startswith("CONFIG_"):
        msg = f"CONFIG_{name}: the prefix stands twice"
        raise ValueError(msg)
    return name
