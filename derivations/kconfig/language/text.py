"""Fragments as text: lines of a `.config`, read strictly and written canonically."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.callers.beside import beside_caller
from derivations.kconfig.language.fragment import Fragment, InvalidFragment, Origin, Request
from derivations.kconfig.language.values import NO, Unset, Value, written
from derivations.source import NoSource
from store.errors import reason_of


if TYPE_CHECKING:
    import os

    from collections.abc import Mapping
    from pathlib import Path


_SET = "CONFIG_"
_OFF, _OFF_END = "# CONFIG_", " is not set"


def read(text: str, name: str) -> Fragment:
    """Return the fragment that *text* is, in any form of `derivations.kconfig.language.grammar`; *name* is that of its file.

    Assignments that are comments are worth one `ConfigRemark`.

    Raises:
        InvalidFragment: with every line that is wrong.
        IncompleteConfig: it is a whole `.config` by its head, but not all of it.
    """
    from derivations.kconfig.language.grammar import parse, remark_on  # noqa: PLC0415 -- start-up: most options are asked for in mappings
    from derivations.kconfig.language.header import check_complete  # noqa: PLC0415 -- as above

    check_complete(text, name)
    reading = parse(text)
    if reading.problems:
        raise InvalidFragment(tuple(reading.problems), name)
    remark_on(text, name)
    return Fragment(
        name, {it.option: Request(it.value, origin=Origin(name, f"{name}:{it.line}")) for it in reading.assignments}
    )


def fragment_file(path: str | os.PathLike[str]) -> Fragment:
    """Return the fragment in the file at *path*, which lies beside the calling file if it is relative.

    Raises:
        NoSource: there is no file that can be read.
        InvalidFragment: with every line that is wrong.
        IncompleteConfig: it is a whole `.config` by its head, but not all of it.
    """
    place = beside_caller(path)
    return read(decoded(bytes_of(place), place.name), place.name)


def bytes_of(place: Path) -> bytes:
    """Return what is in the file at *place*.

    Raises:
        NoSource: there is no file that can be read.
    """
    try:
        return place.read_bytes()
    except OSError as error:
        raise NoSource(place, reason_of(error)) from None


def decoded(data: bytes, name: str) -> str:
    """Return the text that *data*, the content of the file *name*, is; decompressed if it is compressed.

    Raises:
        InvalidFragment: it is no text, or damaged.
    """
    from derivations.kconfig.language.compressed import plain  # noqa: PLC0415 -- start-up: few definitions have files

    data = plain(data, name)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidFragment((f"line {line}: it is not UTF-8 text",), name) from None


def write(requests: Mapping[str, Request]) -> str:
    """Return the canonical text of *requests*: one line an option, in order of the names."""
    lines = ((name, requests[name].value) for name in sorted(requests))
    return "".join(f"{line(name, value)}\n" for name, value in lines if not isinstance(value, Unset))


def split_line(raw: str) -> tuple[str, str | None] | None:
    """Return the option that *raw*, a line of a `.config`, sets and its value as written, None if it is off; None for a comment.

    This is how Kconfig writes. What people write is read strictly, by `derivations.kconfig.language.grammar`.
    """
    if raw.startswith(_SET):
        name, _, value = raw[len(_SET) :].partition("=")
        return name, value
    if raw.startswith(_OFF) and raw.endswith(_OFF_END):
        return raw[len(_OFF) : -len(_OFF_END)], None
    return None


def line(name: str, value: Value) -> str:
    """Return the line of a `.config` that gives option *name* its *value*."""
    return f"{_OFF}{name}{_OFF_END}" if value is NO else f"{_SET}{name}={written(value)}"
