"""EFI programs: reading their headers, and appending sections to them.

The format is Microsoft's PE (https://learn.microsoft.com/windows/win32/debug/pe-format). All that a unified kernel image
needs of it is here: a header of 40 bytes for each new section, its data behind the file, and the sums that say how large
everything is. Nothing that exists is moved, so whatever points into the file stays right, and no time is written.
"""

from __future__ import annotations

import struct

from typing import TYPE_CHECKING

import attrs

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Sequence


MACHINES = {0x14C: "ia32", 0x8664: "x64", 0x1C0: "arm", 0x1C2: "arm", 0x1C4: "arm", 0xAA64: "aa64", 0x5064: "riscv64"}
"""EFI's names of machines, by the number in the header."""

READ_ONLY_DATA = 0x4000_0040
CODE = 0x6000_0020
"""What a section is: initialised data to be read, or code to be run."""

_MAGIC, _PE = b"MZ", b"PE\0\0"
_PLACE = 0x3C  # where the offset of the header is
_COFF, _SECTION, _DIRECTORY = 20, 40, 8  # bytes
_NAME = 8  # bytes of a section's name
_LEAST = 68  # bytes of an optional header before what depends on its kind
_DIRECTORIES = {0x10B: 92, 0x20B: 108}  # where their number is, in the optional header of PE32 and PE32+
_CERTIFICATES = 4  # the number of the directory of signatures
_LIMIT = 1 << 32


class InvalidImage(Error):
    """A file is not an EFI program that can be used."""

    name: str
    reason: str
    advice: str | None = None

    def __str__(self) -> str:
        return f"{self.name} is not usable as an EFI program: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Say what to use instead."""
        return self.advice


@attrs.frozen
class Section:
    """A section to append: its name, of at most 8 bytes, its data, and what it is."""

    name: str
    data: bytes
    kind: int = READ_ONLY_DATA


@attrs.frozen(kw_only=True)
class Program:
    """An EFI program, and what its headers say.

    Attributes:
        name: What messages call it.
        data: The whole file.
        machine: EFI's name of its machine.
        coff: The offset of the COFF header.
        sections: Name, virtual size, address, raw size and offset of each section.
        section_alignment: What addresses are multiples of.
        file_alignment: What offsets in the file are multiples of.
        headers: The size of all headers.
        certificates: The offset and size of its signatures, zeros if it has none.
        certificates_at: Where these two numbers are, None if the header has no room for them.
    """

    name: str
    data: bytes = attrs.field(repr=False)
    machine: str
    coff: int
    sections: tuple[tuple[str, int, int, int, int], ...]
    section_alignment: int
    file_alignment: int
    headers: int
    certificates: tuple[int, int]
    certificates_at: int | None

    @property
    def optional(self) -> int:
        """Return the offset of the optional header."""
        return self.coff + _COFF

    @property
    def checksum_at(self) -> int:
        """Return the offset of the checksum."""
        return self.optional + 64

    def section(self, name: str) -> bytes | None:
        """Return the data of the section *name*, None if there is none."""
        for it, virtual, _, raw, offset in self.sections:
            if it == name:
                return self.data[offset : offset + min(virtual, raw)]
        return None


def read_program(name: str, data: bytes) -> Program:
    """Return the EFI program in the file *data*, called *name* in messages.

    Raises:
        InvalidImage: it is none, or it is truncated.
    """
    try:
        return _read(name, data)
    except struct.error:
        raise InvalidImage(name, "it is truncated") from None


def _read(name: str, data: bytes) -> Program:
    if data[:2] != _MAGIC:
        raise InvalidImage(name, "it does not begin with `MZ`")
    (start,) = struct.unpack_from("<I", data, _PLACE)
    if data[start : start + 4] != _PE:
        raise InvalidImage(name, "it is truncated" if start + 4 > len(data) else "it has no PE header")
    coff = start + len(_PE)
    machine, count, length = *struct.unpack_from("<HH", data, coff), *struct.unpack_from("<H", data, coff + 16)
    optional = coff + _COFF
    (magic,) = struct.unpack_from("<H", data, optional)
    section_alignment, file_alignment = struct.unpack_from("<II", data, optional + 32)
    (headers,) = struct.unpack_from("<I", data, optional + 60)
    if magic not in _DIRECTORIES or length < _LEAST or min(section_alignment, file_alignment) < 1:
        raise InvalidImage(name, "its PE header is damaged")
    if machine not in MACHINES:
        raise InvalidImage(name, f"it is for an unknown machine, 0x{machine:x}")
    at, certificates = _certificates(data, optional, _DIRECTORIES[magic], length)
    program = Program(
        name=name,
        data=data,
        machine=MACHINES[machine],
        coff=coff,
        sections=tuple(_section(data, optional + length + index * _SECTION) for index in range(count)),
        section_alignment=section_alignment,
        file_alignment=file_alignment,
        headers=headers,
        certificates=certificates,
        certificates_at=at,
    )
    ends = [offset + raw for _, _, _, raw, offset in program.sections]
    if max([*ends, headers, sum(certificates)]) > len(data):
        raise InvalidImage(name, "it is truncated", "copy or fetch it again")
    return program


def _section(data: bytes, place: int) -> tuple[str, int, int, int, int]:
    name, virtual, address, raw, offset = struct.unpack_from("<8sIIII", data, place)
    return name.rstrip(b"\0").decode("latin-1"), virtual, address, raw, offset if raw else 0


def _certificates(data: bytes, optional: int, place: int, length: int) -> tuple[int | None, tuple[int, int]]:
    """Return where the directory of signatures is in the header, and what it says."""
    (count,) = struct.unpack_from("<I", data, optional + place)
    at = place + 4 + _CERTIFICATES * _DIRECTORY
    if count <= _CERTIFICATES or at + _DIRECTORY > length:
        return None, (0, 0)
    offset, size = struct.unpack_from("<II", data, optional + at)
    return optional + at, (offset, size)


def with_sections(program: Program, sections: Sequence[Section]) -> bytes:
    """Return the file of *program* with *sections* behind its own.

    Raises:
        InvalidImage: it has no room for their headers, has one of them already, is signed, or would be too large.
    """
    have = {name for name, *_ in program.sections}
    for it in sections:
        if it.name in have:
            raise InvalidImage(
                program.name, f"it has a section {it.name} already", "name a stub without a kernel in it"
            )
    if program.certificates != (0, 0):
        raise InvalidImage(program.name, "it is signed, and a change would make the signature invalid")
    (length,) = struct.unpack_from("<H", program.data, program.coff + 16)
    table = program.optional + length + len(program.sections) * _SECTION
    first = min([offset for *_, offset in program.sections if offset] + [program.headers])
    if table + len(sections) * _SECTION > min(first, program.headers):
        raise InvalidImage(program.name, f"it has no room for the headers of {len(sections)} more sections")

    address = max(
        (place + max(virtual, raw) for _, virtual, place, raw, _ in program.sections), default=program.headers
    )
    offset = _aligned(len(program.data), program.file_alignment)
    chunks = [program.data, bytes(offset - len(program.data))]
    headers, added = [], 0
    for it in sections:
        address = _aligned(address, program.section_alignment)
        raw = _aligned(len(it.data), program.file_alignment)
        if max(address, offset) + raw >= _LIMIT:
            raise InvalidImage(program.name, "with everything in it, it would have 4 GiB or more")
        name = it.name.encode("ascii").ljust(_NAME, b"\0")
        headers.append(struct.pack("<8sIIIIIIHHI", name, len(it.data), address, raw, offset, 0, 0, 0, 0, it.kind))
        chunks += [it.data, bytes(raw - len(it.data))]
        address += len(it.data)
        offset += raw
        added += raw
    head = bytearray(program.data[: program.headers])
    head[table : table + len(sections) * _SECTION] = b"".join(headers)
    struct.pack_into("<HI", head, program.coff + 2, len(program.sections) + len(sections), 0)  # the time: none
    (initialised,) = struct.unpack_from("<I", head, program.optional + 8)
    struct.pack_into("<I", head, program.optional + 8, (initialised + added) % _LIMIT)
    struct.pack_into("<I", head, program.optional + 56, _aligned(address, program.section_alignment))
    chunks[0] = program.data[program.headers :]
    struct.pack_into("<I", head, program.checksum_at, 0)
    struct.pack_into("<I", head, program.checksum_at, checksum([bytes(head), *chunks]))
    return b"".join([bytes(head), *chunks])


def checksum(chunks: Sequence[bytes]) -> int:
    """Return the checksum of a file of *chunks*, in which that field is zero: all words added up, and the length."""
    total, length = 0, 0
    for it in chunks:
        # Little-endian words, added with the carry going round, are the number modulo 2¹⁶ - 1.
        total += int.from_bytes(it, "little") << 8 * (length % 2)
        total %= 0xFFFF
        length += len(it)
    some = total or (0xFFFF if any(map(any, chunks)) else 0)
    return some + length


def unsigned_parts(program: Program) -> list[bytes]:
    """Return what of the file neither a signature nor the checksum changes.

    Signing fills the file up to a multiple of 8 bytes, writes the signatures behind it, and the checksum anew.
    """
    data, sum_at, at = program.data, program.checksum_at, program.certificates_at
    end = program.certificates[0] or len(data)
    rest = [data[sum_at + 4 : end]] if at is None else [data[sum_at + 4 : at], data[at + _DIRECTORY : end]]
    return [data[:sum_at], *rest, bytes(-end % 8)]


def _aligned(value: int, step: int) -> int:
    return -(-value // step) * step
