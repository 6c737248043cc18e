"""Fragments as text: lines of a `.config`, read strictly and written canonically."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.callers.relative_path import relative_to_caller
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
    """Return the fragment in *text*, in any form of `derivations.kconfig.language.grammar`, from the file *name*.

    Commented-out assignments cause one `ConfigRemark`.

    Raises:
        InvalidFragment: with every invalid line.
        IncompleteConfig: it has the header of a whole `.config`, but is truncated.
    """
    from derivations.kconfig.language.grammar import parse, remark_on  # noqa: PLC0415 -- start-up: most requests are mappings
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
    """Return the fragment in the file at *path*, which is relative to the calling file.

    Raises:
        NoSource: the file cannot be read.
        InvalidFragment: with every invalid line.
        IncompleteConfig: it has the header of a whole `.config`, but is truncated.
    """
    place = relative_to_caller(path)
    return read(decoded(bytes_of(place), place.name), place.name)


def bytes_of(place: Path) -> bytes:
    """Return the content of the file at *place*.

    Raises:
        NoSource: the file cannot be read.
    """
    try:
        return place.read_bytes()
    except OSError as error:
        raise NoSource(place, reason_of(error)) from None


def decoded(data: bytes, name: str) -> str:
    """Return *data*, the content of the file *name*, as text, decompressed if necessary.

    Raises:
        InvalidFragment: it is not UTF-8 text, or damaged.
    """
    from derivations.kconfig.language.compressed import decompressed  # noqa: PLC0415 -- start-up: few definitions have files

    data = decompressed(data, name)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidFragment((f"line {line}: it is not UTF-8 text",), name) from None


def write(requests: Mapping[str, Request]) -> str:
    """Return the canonical text of *requests*: one line per option, in order of the names."""
    lines = ((name, requests[name].value) for name in sorted(requests))
    return "".join(f"{line(name, value)}\n" for name, value in lines if not isinstance(value, Unset))


def split_line(raw: str) -> tuple[str, str | None] | None:
    """Return the option that the `.config` line *raw* sets, and its value as written or None for off; None for a comment.

    This reads what Kconfig writes. `derivations.kconfig.language.grammar` strictly reads what people write.
    """
    if raw.startswith(_SET):
        name, _, value = raw[len(_SET) :].partition("=")
        return name, value
    if raw.startswith(_OFF) and raw.endswith(_OFF_END):
        return raw[len(_OFF) : -len(_OFF_END)], None
    return None


def line(name: str, value: Value) -> str:
    """Return the `.config` line that sets option *name* to *value*."""
    return f"{_OFF}{name}{_OFF_END}" if value is NO else f"{_SET}{name}={written(value)}"
