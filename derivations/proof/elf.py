"""Reading ELF files: their sections, and the symbol at a place of one (elf(5)).

Just enough to say where two files differ; whatever is not a well-formed ELF file has no sections.
"""

from __future__ import annotations

import struct

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.proof.bytes_of import Buffer


MAGIC = b"\x7fELF"

_64_BITS, _BIG_ENDIAN = 2, 2
_NOBITS, _SYMTAB = 8, 2
_ELSEWHERE = 0xFFFF  # SHN_XINDEX: the number is too large for its field, and in the first section
_RELOCATABLE = 1  # of an object that is not linked yet, symbols count from the start of their section
_SECTION_SYMBOLS = 3  # symbol types from here on name no function and no object
_LARGEST_TABLE = 1 << 20  # sections: far more than any file has


@attrs.frozen
class Section:
    """A section: its name, where its bytes are in the file, and where they are in memory."""

    name: str
    offset: int
    size: int
    address: int
    kind: int
    index: int
    link: int


@attrs.frozen
class Elf:
    """A file's sections, those without bytes excepted, in the order of the file."""

    sections: tuple[Section, ...]
    wide: bool
    order: str
    relocatable: bool

    def named(self) -> dict[tuple[str, int], Section]:
        """Return the sections by name, and by how many of that name come before."""
        found: dict[tuple[str, int], Section] = {}
        counts: dict[str, int] = {}
        for section in self.sections:
            number = counts.get(section.name, 0)
            counts[section.name] = number + 1
            found[section.name, number] = section
        return found

    def symbol_at(self, data: Buffer, section: Section, offset: int) -> str:
        """Return the name of the function or object that has the byte *offset* of *section*, or an empty string."""
        table = next((it for it in self.sections if it.kind == _SYMTAB), None)
        names = table and next((it for it in self.sections if it.index == table.link), None)
        if table is None or names is None:
            return ""
        wanted = offset if self.relocatable else section.address + offset
        for name, info, index, value, size in self._symbols(data, table):
            if index == section.index and info & 0xF < _SECTION_SYMBOLS and value <= wanted < value + size:
                return _text(data, names, name)
        return ""

    def _symbols(self, data: Buffer, table: Section) -> Iterator[tuple[int, int, int, int, int]]:
        form = struct.Struct(self.order + ("IBBHQQ" if self.wide else "IIIBBH"))
        raw = bytes(data[table.offset : table.offset + table.size // form.size * form.size])
        for fields in form.iter_unpack(raw):
            if self.wide:
                name, info, _, index, value, size = fields
            else:
                name, value, size, info, _, index = fields
            yield name, info, index, value, size


def read(data: Buffer) -> Elf | None:
    """Return the sections of the ELF file *data*; None if it is none."""
    try:
        return _read(data) if bytes(data[:4]) == MAGIC else None
    except (struct.error, IndexError, ValueError):
        return None


def _read(data: Buffer) -> Elf:
    wide, order = data[4] == _64_BITS, ">" if data[5] == _BIG_ENDIAN else "<"
    header = struct.Struct(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"))
    fields = header.unpack(bytes(data[16 : 16 + header.size]))
    kind, start, entry, count, names_at = fields[0], fields[5], fields[10], fields[11], fields[12]
    form = struct.Struct(order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII"))
    if entry < form.size or not start:
        return Elf((), wide, order, kind == _RELOCATABLE)

    def row(index: int) -> tuple[int, ...]:
        place = start + index * entry
        return form.unpack(bytes(data[place : place + form.size]))

    first = row(0)
    count = count or first[5]  # more than 0xff00 sections: the real number is in the first one
    names_at = first[6] if names_at == _ELSEWHERE else names_at
    if count > _LARGEST_TABLE:
        message = "too many sections"
        raise ValueError(message)
    rows = [row(index) for index in range(count)]
    names = Section("", rows[names_at][4], rows[names_at][5], 0, 0, names_at, 0)
    found = [
        Section(_text(data, names, it[0]), it[4], it[5], it[3], it[1], index, it[6])
        for index, it in enumerate(rows)
        if it[1] not in {0, _NOBITS}
    ]
    size = len(data)
    whole = [it for it in found if it.offset + it.size <= size]
    return Elf(tuple(sorted(whole, key=lambda it: (it.offset, it.index))), wide, order, kind == _RELOCATABLE)


def _text(data: Buffer, names: Section, start: int) -> str:
    place = names.offset + start
    end = names.offset + names.size
    raw = bytes(data[place : min(end, place + 256)])  # longer than any name worth printing
    return raw.partition(b"\0")[0].decode(errors="replace")
