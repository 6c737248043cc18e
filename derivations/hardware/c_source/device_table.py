"""Device tables of drivers, read from the source: entries with designated or positional fields, and macros."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from derivations.hardware.c_source.preprocessor import closing, expand, number, split, string


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from derivations.hardware.c_source.preprocessor import Find, Macro, Tokens


Entry: TypeAlias = dict[str, "Tokens"]

_MOST = 4_000_000
"""The limit for the characters of macros in one table: the largest of the kernel's tables need some hundred thousand."""


class NotConstant(Exception):
    """A field of a table cannot be read as a number or a string."""


@attrs.frozen
class Bus:
    """A kind of table: its fields in order, and the patterns of an entry."""

    fields: tuple[str, ...]
    patterns: Callable[[Fields], Iterable[str]]


@attrs.frozen
class Fields:
    """One entry of a table: numbers and strings by the name of the field."""

    entry: Entry
    find: Find

    def number(self, name: str, default: int = 0) -> int:
        """Return the number in field *name*.

        Raises:
            NotConstant: the field cannot be read.
        """
        if name not in self.entry:
            return default
        if (value := number(expand(self.entry[name], self.find))) is None:
            raise NotConstant(name)
        return value

    def text(self, name: str) -> str:
        """Return the string in field *name*, empty if the field is not given.

        Raises:
            NotConstant: the field cannot be read.
        """
        if name not in self.entry:
            return ""
        given = expand(self.entry[name], self.find)
        if given and given[0] == "{" and closing(given, 0) == len(given) - 1:
            given = given[1:-1]
        if (value := string(given)) is None:
            if number(given) == 0:
                return ""
            raise NotConstant(name)
        return value

    def numbers(self, name: str) -> list[int]:
        """Return all numbers in field *name*, ignoring brackets."""
        given = [it for it in self.tokens(name) if it not in {"{", "}"}]
        values = [number(part) for part in split(_without_cast(_unwrapped(given))) if part]
        return [it for it in values if it is not None]

    def tokens(self, name: str) -> Tokens:
        """Return the tokens in field *name*, with macros expanded."""
        return expand(self.entry.get(name, []), self.find)


@attrs.define
class _Counted:
    """Find macros, up to `_MOST` characters of them: macros that double at every step would never end."""

    find: Find
    left: int = _MOST

    def __call__(self, name: str) -> Macro | None:
        macro = self.find(name) if self.left > 0 else None
        self.left -= 1 if macro is None else len(macro.body)
        return macro


def patterns(table: Tokens, bus: Bus, find: Find) -> Iterator[str | None]:
    """Yield the pattern of each entry of *table*, given without its brackets; None for an entry that cannot be read."""
    find = _Counted(find)
    for element in split(table):
        for entry in _entries(element, find):
            if entry is None:
                yield None
                continue
            try:
                yield from bus.patterns(Fields(_named(entry, bus.fields, find), find))
            except NotConstant:
                yield None


def _entries(element: Tokens, find: Find) -> Iterator[Tokens | None]:
    """Yield the entries of *element* of a table: itself, or those of its macro; None if the macro is unknown."""
    if element[:1] == ["["] and "=" in element:  # `[INDEX] = { … }`
        element = element[element.index("=") + 1 :]
    if element[:1] == ["{"]:
        yield element[1:-1]
    elif element and (made := expand(element, find)) != element:
        for each in split(made):
            yield from _entries(each, lambda _: None)
    elif _may_be_several(element):
        yield None


def _named(entry: Tokens, fields: tuple[str, ...], find: Find) -> Entry:
    """Return the fields of *entry* by name, both designated and positional ones."""
    found: Entry = {}
    place = 0
    pending = split(entry)[::-1]
    while pending:
        each = pending.pop()
        if each[:1] == ["."] and "=" in each:
            name = each[1]
            found[name] = each[each.index("=") + 1 :]
            place = fields.index(name) + 1 if name in fields else len(fields)
        elif _may_be_several(each) and (made := expand(each, find)) != each:
            pending += split(made)[::-1]
        elif each and each[0] != "." and place < len(fields):
            found[fields[place]] = each
            place += 1
    return found


def _may_be_several(given: Tokens) -> bool:
    """Return whether *given* is only the use of a macro, which may expand to several fields."""
    if not given or not (given[0][0].isalpha() or given[0][0] == "_"):
        return False
    return len(given) == 1 or (given[1] == "(" and closing(given, 1) == len(given) - 1)


def designated(given: Tokens) -> Entry:
    """Return the designated fields of *given*, a structure with its braces."""
    parts = split(given[1:-1] if given[:1] == ["{"] else given)
    return {it[1]: it[it.index("=") + 1 :] for it in parts if it[:1] == ["."] and "=" in it}


def _without_cast(given: Tokens) -> Tokens:
    """Return *given* without a leading cast, as in `GUID_INIT`."""
    return given[3:] if given[:1] == ["("] and given[2:3] == [")"] and given[1].isidentifier() else given


def _unwrapped(given: Tokens) -> Tokens:
    while given[:1] == ["("] and closing(given, 0) == len(given) - 1:
        given = given[1:-1]
    return given
