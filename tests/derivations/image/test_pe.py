"""EFI programs: what is read from them, and what becomes of them when sections are appended."""

from __future__ import annotations

import struct
import subprocess

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.image.pe import CODE, InvalidImage, Section, checksum, read_program, unsigned_parts, with_sections
from tests.efi import ALIGNMENT, ARM64, efi_program
from tests.programs import program


if TYPE_CHECKING:
    from pathlib import Path


NEW = [Section(".osrel", b"ID=linux\n"), Section(".empty", b""), Section(".linux", b"x" * 1000, CODE)]


def slow_checksum(data: bytes, place: int) -> int:
    """Return the checksum of *data* word by word, with the field at *place* left out."""
    data = data[:place] + bytes(4) + data[place + 4 :]
    total = 0
    for (word,) in struct.iter_unpack("<H", data + bytes(len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(data)


def test_sections_are_appended() -> None:
    """Old sections stay where they are; new ones are aligned, behind the others, and the sums are right."""
    stub = read_program("stub", efi_program(tail=b"odd"))
    made = read_program("made", with_sections(stub, NEW))

    assert made.sections[:2] == stub.sections
    assert [made.section(it.name) for it in NEW] == [it.data for it in NEW]
    assert made.data[stub.headers : len(stub.data)] == stub.data[stub.headers :]
    ends = [address + size for _, size, address, _, _ in made.sections]
    for (_, _, address, raw, offset), end in zip(made.sections[1:], ends, strict=False):
        assert address >= end
        assert address % made.section_alignment == raw % ALIGNMENT == offset % ALIGNMENT == 0
    assert struct.unpack_from("<I", made.data, made.optional + 56)[0] == -(-ends[-1] // 0x1000) * 0x1000
    assert struct.unpack_from("<I", made.data, made.coff + 4)[0] == 0  # no time
    assert struct.unpack_from("<I", made.data, made.checksum_at)[0] == slow_checksum(made.data, made.checksum_at)


def test_objdump_reads_it(tmp_path: Path) -> None:
    """Objdump finds every section with its size."""
    file = tmp_path / "made.efi"
    file.write_bytes(with_sections(read_program("stub", efi_program()), NEW))
    lines = subprocess.run([program("objdump"), "-h", file], capture_output=True, text=True, check=True).stdout.split()

    found = {name: int(lines[lines.index(name) + 1], 16) for name in (".text", ".sbat", ".osrel", ".linux")}
    assert found == {".text": 4, ".sbat": 6, ".osrel": 9, ".linux": 1000}


@given(st.lists(st.binary(max_size=9), max_size=5))
def test_checksums(chunks: list[bytes]) -> None:
    """The sum of chunks is that of the words of the whole."""
    whole = b"".join(chunks)
    assert checksum(chunks) == slow_checksum(whole + bytes(4), len(whole)) - 4


@given(st.dictionaries(st.sampled_from([".a", ".b", ".c", ".d"]), st.binary(max_size=2000)))
def test_round_trip(contents: dict[str, bytes]) -> None:
    """What was appended is read again, whatever it is."""
    made = with_sections(read_program("stub", efi_program()), [Section(name, data) for name, data in contents.items()])
    assert {name: read_program("made", made).section(name) for name in contents} == contents


def test_a_signature_does_not_change_what_is_signed() -> None:
    """The parts that identify an image are the same with and without a signature."""
    plain, signed = efi_program(), efi_program(signature=bytes(range(64)))
    assert b"".join(unsigned_parts(read_program("", plain))) == b"".join(unsigned_parts(read_program("", signed)))
    assert plain != signed[: len(plain)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "it does not begin with `MZ`", id="empty"),
        pytest.param(b"\x7fELF" * 100, "it does not begin with `MZ`", id="elf"),
        pytest.param(b"MZ" * 10, "it is truncated", id="short"),
        pytest.param(b"MZ" + bytes(200), "it has no PE header", id="dos"),
        pytest.param(efi_program()[:0x90], "it is truncated", id="cut-header"),
        pytest.param(efi_program()[:0x1A0], "it is truncated", id="cut-table"),
        pytest.param(efi_program()[:-1], "it is truncated", id="cut-data"),
        pytest.param(efi_program(signature=bytes(9))[:-1], "it is truncated", id="cut-signature"),
        pytest.param(efi_program(machine=0x1234), "it is for an unknown machine, 0x1234", id="machine"),
        pytest.param(efi_program().replace(b"\x0b\x02", b"\x0b\x09", 1), "its PE header is damaged", id="kind"),
    ],
)
def test_what_is_no_program(data: bytes, reason: str) -> None:
    """A file that is damaged, or something else, is refused with the reason."""
    with pytest.raises(InvalidImage) as caught:
        read_program("stub", data)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("data", "section", "reason"),
    [
        pytest.param(efi_program(room=0), Section(".a", b""), "it has no room for the headers of 1 more sections", id="room"),
        pytest.param(efi_program({".linux": b"x"}), Section(".linux", b""), "it has a section .linux already", id="twice"),
        pytest.param(
            efi_program(signature=bytes(8)), Section(".a", b""),
            "it is signed, and a change would make the signature invalid", id="signed",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_appended(data: bytes, section: Section, reason: str) -> None:
    """A program that cannot have another section is refused."""
    with pytest.raises(InvalidImage) as caught:
        with_sections(read_program("stub", data), [section])
    assert caught.value.reason == reason


def test_machines() -> None:
    """A program says which machine it is for."""
    assert [read_program("", efi_program(machine=it)).machine for it in (0x8664, ARM64)] == ["x64", "aa64"]
