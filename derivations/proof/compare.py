"""Compare two versions of one file: which parts differ, where first, and why."""

from __future__ import annotations

import gzip
import lzma

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from derivations.proof import elf
from derivations.proof.archives import GZIP, holds_a_time, members
from derivations.proof.bytes_of import first_difference
from derivations.proof.causes import UMASK, Cause, Evidence, cause_of
from derivations.proof.conditions import USUAL, Conditions


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from derivations.proof.bytes_of import Buffer
    from derivations.proof.elf import Elf, Section


SHOWN = 32
"""Bytes of each side in a report: two lines of a hexdump."""

_BEFORE, _AROUND = 96, 224  # bytes looked at for the cause, of which so many before the difference
_LONGEST_TEXT = 8 << 20  # larger files are not compared line by line
_LARGEST_PACKED = 64 << 20  # nor unpacked
_XZ = b"\xfd7zXZ\0"
_UNPACK: Mapping[bytes, Callable[[bytes], bytes]] = {GZIP: gzip.decompress, _XZ: lzma.decompress}


@attrs.frozen(kw_only=True)
class Part:
    """A part of a file that differs: a section of an ELF file, or all of another file.

    Attributes:
        name: The section's name; an empty string if the file has no sections.
        symbol: The function or object that the first difference is in.
        offset: The first byte that differs, from the start of the file on the left.
        inside: The same from the start of the section.
        sizes: How long the part is on both sides; None where one lacks it.
        left, right: Some bytes from *start* on.
        start: Where they begin, from the start of the file on the left.
        cause: Why, if that is known.
    """

    name: str = ""
    symbol: str = ""
    offset: int = 0
    inside: int = 0
    sizes: tuple[int | None, int | None] = (None, None)
    left: bytes = b""
    right: bytes = b""
    start: int = 0
    cause: Cause | None = None


@attrs.frozen(kw_only=True)
class Difference:
    """A file that differs: its path in the output, what about it, the parts of it, and the cause."""

    path: str
    what: str
    parts: tuple[Part, ...] = ()
    cause: Cause | None = None


@attrs.frozen(kw_only=True)
class Background:
    """What is known about both builds: what each ran under, and the options of a kernel's configuration."""

    under: tuple[Conditions, Conditions] = (USUAL, USUAL)
    options: frozenset[str] = frozenset()


def compare_kinds(path: str, left: str, right: str) -> Difference:
    """Return the difference between a *left* and a *right*, such as `a directory` or `nothing`."""
    cause = UMASK if {left, right} == {"a file", "an executable file"} else None
    return Difference(path=path, what=f"{left} here, {right} there", cause=cause)


def compare_links(path: str, left: str, right: str, background: Background) -> Difference:
    """Return the difference between the targets of two symbolic links."""
    evidence = Evidence(path=path, left=left.encode(), right=right.encode(), under=background.under)
    what = f"a link to {left} here, to {right} there"
    return Difference(path=path, what=what, cause=cause_of(evidence))


def compare_files(path: str, left: Buffer, right: Buffer, background: Background) -> Difference | None:
    """Return how the file *path* differs; None if it does not."""
    offset = first_difference(left, right)
    if offset is None:
        return None
    one, other = elf.read(left), elf.read(right)
    if one is not None and other is not None and one.sections and other.sections:
        parts = _sections(path, left, right, (one, other), background)
        if parts:
            return Difference(path=path, what=_sizes(left, right), parts=parts, cause=_main_cause(parts))
    if (inner := _unpacked(path, left, right, background)) is not None:
        return inner
    part = _part(path, left, right, offset, background)
    return Difference(path=path, what=_sizes(left, right), parts=(part,), cause=part.cause)


def _sizes(left: Buffer, right: Buffer) -> str:
    return f"{len(left)} bytes" if len(left) == len(right) else f"{len(left)} bytes here, {len(right)} there"


def _main_cause(parts: tuple[Part, ...]) -> Cause | None:
    """Return the cause that explains most: a build id only says that something else differs."""
    causes = [part.cause for part in parts if part.cause is not None]
    return next((it for it in causes if it.name != "build id"), causes[0] if causes else None)


def _sections(
    path: str, left: Buffer, right: Buffer, files: tuple[Elf, Elf], background: Background
) -> tuple[Part, ...]:
    ours, theirs = files[0].named(), files[1].named()
    found = []
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        one, other = ours.get(key), theirs.get(key)
        if one is None or other is None:
            sizes = (None if one is None else one.size, None if other is None else other.size)
            found.append(Part(name=key[0], offset=0 if one is None else one.offset, sizes=sizes))
            continue
        part = _section(path, (left, right), files[0], (one, other), background)
        if part is not None:
            found.append(part)
    return tuple(found)


def _section(
    path: str, sides: tuple[Buffer, Buffer], file: Elf, sections: tuple[Section, Section], background: Background
) -> Part | None:
    (left, right), (one, other) = sides, sections
    shorter = min(one.size, other.size)
    inside = first_difference(left, right, one.offset, other.offset, shorter)
    if inside is None:
        if one.size == other.size:
            return None
        inside = shorter
    symbol = file.symbol_at(left, one, inside)
    begin = max(0, inside - _BEFORE)
    evidence = Evidence(
        path=path,
        section=one.name,
        symbol=symbol,
        left=bytes(left[one.offset + begin : one.offset + min(begin + _AROUND, one.size)]),
        right=bytes(right[other.offset + begin : other.offset + min(begin + _AROUND, other.size)]),
        same_size=one.size == other.size,
        under=background.under,
        options=background.options,
    )
    shown = inside - inside % 16
    return Part(
        name=one.name,
        symbol=symbol,
        offset=one.offset + inside,
        inside=inside,
        sizes=(one.size, other.size),
        left=bytes(left[one.offset + shown : one.offset + min(shown + SHOWN, one.size)]),
        right=bytes(right[other.offset + shown : other.offset + min(shown + SHOWN, other.size)]),
        start=one.offset + shown,
        cause=cause_of(evidence),
    )


def _part(path: str, left: Buffer, right: Buffer, offset: int, background: Background) -> Part:
    begin = max(0, offset - _BEFORE)
    reordered, by_locale = _reordered(left, right)
    evidence = Evidence(
        path=path,
        left=bytes(left[begin : begin + _AROUND]),
        right=bytes(right[begin : begin + _AROUND]),
        same_size=len(left) == len(right),
        in_a_time=holds_a_time(left, offset) and holds_a_time(right, offset),
        reordered=reordered,
        sorted_by_locale=by_locale,
        under=background.under,
        options=background.options,
        tail=bytes(left[-_BEFORE:]),
    )
    shown = offset - offset % 16
    return Part(
        offset=offset,
        inside=offset,
        sizes=(len(left), len(right)),
        left=bytes(left[shown : shown + SHOWN]),
        right=bytes(right[shown : shown + SHOWN]),
        start=shown,
        cause=cause_of(evidence),
    )


def _reordered(left: Buffer, right: Buffer) -> tuple[str, bool]:
    """Return of what both have the same, in another order, and whether a locale would explain it."""
    one, other = ([it.name for it in members(data)] for data in (left, right))
    if one != other and Counter(one) == Counter(other):
        return "members", False
    if max(len(left), len(right)) > _LONGEST_TEXT:
        return "", False
    ours, theirs = (bytes(data[:]).splitlines() for data in (left, right))
    if ours == theirs or Counter(ours) != Counter(theirs):
        return "", False
    return "lines", _is_by_locale(ours, theirs) or _is_by_locale(theirs, ours)


def _is_by_locale(one: list[bytes], other: list[bytes]) -> bool:
    return one == sorted(one) and [it.lower() for it in other] == sorted(it.lower() for it in other)


def _unpacked(path: str, left: Buffer, right: Buffer, background: Background) -> Difference | None:
    """Return how the contents of two compressed files differ; None if they do not, or cannot be read."""
    unpack = next(
        (it for magic, it in _UNPACK.items() if bytes(left[: len(magic)]) == magic == bytes(right[: len(magic)])), None
    )
    if unpack is None or max(len(left), len(right)) > _LARGEST_PACKED:
        return None
    try:
        inner = compare_files(path, unpack(bytes(left[:])), unpack(bytes(right[:])), background)
    except (OSError, EOFError, lzma.LZMAError, ValueError):
        return None
    return (
        None
        if inner is None
        else attrs.evolve(inner, what=f"{_sizes(left, right)}, compressed; unpacked, {inner.what}")
    )


def switched_on(config: str) -> frozenset[str]:
    """Return the options that the text of a `.config` switches on."""
    lines = (line.removeprefix("CONFIG_").partition("=") for line in config.splitlines() if line.startswith("CONFIG_"))
    return frozenset(name for name, _, value in lines if value in {"y", "m"})
