"""What a program or a library loads when it runs, as far as its file says: elf(5).

.interp         the dynamic loader
.dynamic        the libraries that are loaded with it, and where to look for them first
.dynsym         the functions that it calls and does not have, which tell what the C library opens for it
.note.dlopen    libraries that it opens by itself (uapi-group.org, "ELF Metadata for dlopen() Dependencies")
"""

from __future__ import annotations

import json
import struct

from typing import TYPE_CHECKING

import attrs

from derivations.proof import elf


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.proof.bytes_of import Buffer
    from derivations.proof.elf import Elf, Section


_DT_NEEDED, _DT_RPATH, _DT_RUNPATH = 1, 15, 29
_UNDEFINED = 0  # SHN_UNDEF
_NOTE = 12  # bytes of a note's header


@attrs.frozen(kw_only=True)
class Loads:
    """What a file loads.

    Attributes:
        loader: The path of the dynamic loader; empty for a library, and for a static program.
        libraries: The names of the libraries that it cannot be started without.
        opened: The names of those that its note says it may open; of each feature the first that exists is enough.
        paths: Where to look for them first; `$ORIGIN` is the file's own directory.
        calls: The functions and objects that other files have.
        machine: What distinguishes files that can be loaded together: e_machine and the size of a word.
    """

    loader: str = ""
    libraries: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    calls: frozenset[str] = frozenset()
    machine: tuple[int, bool] = (0, False)


def loads(data: Buffer) -> Loads | None:
    """Return what the file with the contents *data* loads; None if it is not an ELF file that says so."""
    found = elf.read(data)
    if found is None:
        return None
    named = {name: section for (name, _), section in found.named().items()}
    try:
        table = dict(_by_tag(found, data, named))
        return Loads(
            loader=_text(data, named[".interp"], 0) if ".interp" in named else "",
            libraries=tuple(table.get(_DT_NEEDED, ())),
            opened=tuple(_opened(found, data, named)),
            paths=tuple(
                it for each in table.get(_DT_RUNPATH, table.get(_DT_RPATH, ())) for it in each.split(":") if it
            ),
            calls=frozenset(_calls(found, data, named)),
            machine=(struct.unpack_from(f"{found.order}H", bytes(data[18:20]))[0], found.wide),
        )
    except (struct.error, IndexError, KeyError):
        return None


def _by_tag(file: Elf, data: Buffer, named: dict[str, Section]) -> Iterator[tuple[int, list[str]]]:
    section = named.get(".dynamic")
    if section is None:
        return
    form = struct.Struct(file.order + ("qQ" if file.wide else "iI"))
    found: dict[int, list[str]] = {}
    for tag, value in form.iter_unpack(_content(data, section, form.size)):
        if tag in {_DT_NEEDED, _DT_RPATH, _DT_RUNPATH}:
            found.setdefault(tag, []).append(_text(data, named[".dynstr"], value))
    yield from found.items()


def _calls(file: Elf, data: Buffer, named: dict[str, Section]) -> Iterator[str]:
    section = named.get(".dynsym")
    if section is None:
        return
    form = struct.Struct(file.order + ("IBBHQQ" if file.wide else "IIIBBH"))
    place = 3 if file.wide else 5
    for fields in form.iter_unpack(_content(data, section, form.size)):
        if fields[place] == _UNDEFINED and fields[0]:
            yield _text(data, named[".dynstr"], fields[0])


def _opened(file: Elf, data: Buffer, named: dict[str, Section]) -> Iterator[str]:
    section = named.get(".note.dlopen")
    raw = b"" if section is None else _content(data, section, 1)
    at = 0
    while at + _NOTE <= len(raw):
        name, size, _ = struct.unpack_from(f"{file.order}III", raw, at)
        start = at + _NOTE + _aligned(name)
        try:
            features = json.loads(raw[start : start + size].rstrip(b"\0"))
        except ValueError:
            return
        for feature in features if isinstance(features, list) else ():
            yield from (str(it) for it in feature.get("soname", ())) if isinstance(feature, dict) else ()
        at = start + _aligned(size)


def _content(data: Buffer, section: Section, unit: int) -> bytes:
    return bytes(data[section.offset : section.offset + section.size // unit * unit])


def _text(data: Buffer, section: Section, start: int) -> str:
    raw = bytes(data[section.offset + start : section.offset + section.size])
    return raw.partition(b"\0")[0].decode(errors="surrogateescape")


def _aligned(number: int) -> int:
    return number + -number % 4
