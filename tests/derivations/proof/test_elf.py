"""Reading ELF files: sections, symbols, damaged files."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.proof.elf import read
from tests.derivations.proof.elves import Symbol, elf


SECTIONS = {".text": b"\x90" * 40, ".rodata": b"hello\0world\0", ".empty": b""}
SYMBOLS = [Symbol("first", ".text", 0, 16), Symbol("second", ".text", 16, 24), Symbol("words", ".rodata", 6, 6)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide", [True, False])
def test_sections(wide: bool, order: str) -> None:
    """All sections are found, with their bytes, in files of either size and order."""
    data = elf(SECTIONS, wide=wide, order=order)
    found = read(data)
    assert found is not None
    contents = {it.name: data[it.offset : it.offset + it.size] for it in found.sections}
    assert {name: contents[name] for name in SECTIONS} == SECTIONS


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide", [True, False])
def test_symbols(wide: bool, order: str) -> None:
    """A byte of a section is found in the function or object that has it."""
    data = elf(SECTIONS, SYMBOLS, wide=wide, order=order)
    found = read(data)
    assert found is not None
    named = found.named()
    text, words = named[".text", 0], named[".rodata", 0]
    assert [found.symbol_at(data, text, it) for it in (0, 15, 16, 39)] == ["first", "first", "second", "second"]
    assert [found.symbol_at(data, words, it) for it in (0, 6, 11)] == ["", "words", "words"]


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF" + bytes(100)], ids=repr)
def test_not_elf(data: bytes) -> None:
    """Whatever is not a whole ELF file has no sections."""
    found = read(data)
    assert found is None or not found.sections


@given(st.data())
def test_damaged(data: st.DataObject) -> None:
    """A damaged file never raises, and its sections are inside it."""
    whole = bytearray(elf(SECTIONS, SYMBOLS))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    if (found := read(damaged)) is not None:
        for section in found.sections:
            assert section.offset + section.size <= len(damaged)
            found.symbol_at(damaged, section, 0)
