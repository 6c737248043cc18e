"""The table of resolved values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.kconfig.symbols.expression import Level
from derivations.kconfig.symbols.values_table import OptionState, Values


if TYPE_CHECKING:
    from pathlib import Path


TABLE = 'BLOCK 2 1 y\nHIDDEN 0 0 n\nFS 1 1 m\nLOCALVERSION 2 1 "a b "c\\\nEMPTY 2 1 "\nNUMBER 2 1 17\n@1 2 0 y\n'


@pytest.mark.parametrize(
    ("name", "state"),
    [
        pytest.param("BLOCK", OptionState("y", Level.Y, written=True), id="tristate"),
        pytest.param("HIDDEN", OptionState("n", Level.N, written=False), id="hidden"),
        pytest.param("FS", OptionState("m", Level.M, written=True), id="visible-up-to-m"),
        pytest.param("LOCALVERSION", OptionState('a b "c\\', Level.Y, written=True), id="text-as-it-is"),
        pytest.param("EMPTY", OptionState("", Level.Y, written=True), id="empty-text"),
        pytest.param("NUMBER", OptionState("17", Level.Y, written=True), id="number"),
    ],
)
def test_a_state_is_read(name: str, state: OptionState) -> None:
    """Each line has the value, the visibility, and whether it is written."""
    assert Values.parse(TABLE)[name] == state


def test_levels() -> None:
    """Only a tristate, a bool or a choice has a level."""
    values = Values.parse(TABLE)

    assert [values.level(name) for name in ("BLOCK", "FS", "@1")] == [Level.Y, Level.M, Level.Y]
    assert {values.level(name) for name in ("HIDDEN", "LOCALVERSION", "NUMBER", "NOWHERE")} == {Level.N}


def test_undefined_names() -> None:
    """Kconfig compares an undefined symbol by its name."""
    assert Values.parse(TABLE).text("NOWHERE") == "NOWHERE"
    assert "NOWHERE" not in Values.parse(TABLE)


def test_what_changed() -> None:
    """Names with another value are listed in order; a change of visibility does not count."""
    values = Values.parse(TABLE)
    other = Values.parse("BLOCK 0 0 y\nFS 1 1 n\nADDED 2 1 y\n")

    assert list(values.changed(other)) == ["@1", "ADDED", "EMPTY", "FS", "HIDDEN", "LOCALVERSION", "NUMBER"]


def test_a_table_is_read_from_a_file(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, in a string that a user wrote, do no harm."""
    place = tmp_path / "values"
    place.write_bytes(b'A 2 1 "\xff\nB 2 1 y\n')

    values = Values.read(place)
    assert len(values) == 2
    assert values.level("B") is Level.Y
