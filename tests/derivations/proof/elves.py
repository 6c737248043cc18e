"""Making ELF files, for tests."""

from __future__ import annotations

import struct

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@attrs.frozen
class Symbol:
    """A function or object: its name, its section, where in that it is, how long it is."""

    name: str
    section: str
    value: int
    size: int


def elf(sections: Mapping[str, bytes], symbols: Sequence[Symbol] = (), *, wide: bool = True, order: str = "<") -> bytes:
    """Return a relocatable ELF file with *sections* and *symbols*."""
    names = ["", *sections, ".symtab", ".strtab", ".shstrtab"]
    texts = {".strtab": _strings([it.name for it in symbols]), ".shstrtab": _strings(names)}
    contents = {**sections, ".symtab": _symbols(symbols, list(names), texts[".strtab"], wide, order), **texts}
    header_size = 64 if wide else 52
    body, places = b"", {}
    for name, data in contents.items():
        places[name] = header_size + len(body)
        body += data
    table = b""
    form = order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII")
    for name in names:
        if not name:
            table += struct.pack(form, *[0] * 10)
            continue
        kind = {".symtab": 2, ".strtab": 3, ".shstrtab": 3}.get(name, 1)
        start = texts[".shstrtab"].index(name.encode() + b"\0")
        link = names.index(".strtab") if name == ".symtab" else 0
        table += struct.pack(form, start, kind, 0, 0, places[name], len(contents[name]), link, 0, 1, 0)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 2 if order == ">" else 1, 1]).ljust(12, b"\0")
    fields = (
        1,
        62,
        1,
        0,
        0,
        header_size + len(body),
        0,
        header_size,
        0,
        0,
        64 if wide else 40,
        len(names),
        len(names) - 1,
    )
    return ident + struct.pack(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), *fields) + body + table


def _strings(names: Sequence[str]) -> bytes:
    return b"\0" + b"".join(name.encode() + b"\0" for name in names if name)


def _symbols(symbols: Sequence[Symbol], names: list[str], strings: bytes, wide: bool, order: str) -> bytes:
    found = b""
    for it in symbols:
        name, index = strings.index(it.name.encode() + b"\0"), names.index(it.section)
        if wide:
            found += struct.pack(order + "IBBHQQ", name, 2, 0, index, it.value, it.size)
        else:
            found += struct.pack(order + "IIIBBH", name, it.value, it.size, 2, 0, index)
    return found
