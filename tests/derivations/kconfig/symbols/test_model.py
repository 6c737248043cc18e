"""A tree's Kconfig as data, read from the resolver's files."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import pytest

from derivations.kconfig.symbols.expression import And, Const, Not, Ref
from derivations.kconfig.symbols.model import Choice, Default, Definition, Model, Prompt, Range, Select, Symbol


if TYPE_CHECKING:
    from pathlib import Path


EMPTY: dict[str, Any] = {
    "prompts": [], "defaults": [], "selects": [], "implies": [], "ranges": [], "definitions": [],
}  # fmt: skip
KGDB = {
    **EMPTY,
    "name": "KGDB",
    "type": "bool",
    "prompts": [{"text": "KGDB: kernel debugger", "if": "DEBUG_KERNEL", "menus": ["Kernel hacking", "Debugging"]}],
    "selects": [{"target": "FRAME_POINTER", "if": ["!", "X"]}],
    "depends": ["&&", "HAVE_ARCH_KGDB", "DEBUG_KERNEL"],
    "definitions": [{"file": "lib/Kconfig.kgdb", "line": 6, "depends": "HAVE_ARCH_KGDB"}],
    "help": "A line\nsépare\u2028 another",
}
SHIFT = {
    **EMPTY,
    "name": "SHIFT",
    "type": "int",
    "defaults": [{"value": {"value": "17"}}],
    "ranges": [{"low": {"value": "12"}, "high": "MOST", "if": "KGDB"}],
    "choice": "@1",
    "transitional": True,
    "selected_by": "KGDB",
}
CHOICE = {
    **EMPTY,
    "id": "@1",
    "type": "bool",
    "prompts": [{"text": "Which", "menus": []}],
    "members": ["SHIFT"],
    "defaults": [{"value": "SHIFT"}],
}


@pytest.fixture
def model(tmp_path: Path) -> Model:
    lines = [json.dumps(it, ensure_ascii=False).encode() for it in (KGDB, SHIFT)]
    tmp_path.joinpath("symbols").write_bytes(b"".join(line + b"\n" for line in lines))
    tmp_path.joinpath("index").write_text(f"KGDB 0\nSHIFT {len(lines[0]) + 1}\n")
    tmp_path.joinpath("choices").write_text(json.dumps(CHOICE) + "\n")
    tmp_path.joinpath("elsewhere").write_text(
        "ARM64_PAN arch/arm64/Kconfig:12\nKGDB arch/x/Kconfig:3\nKGDB arch/y/Kconfig:4\n"
    )
    tmp_path.joinpath("common").write_text("KGDB\nOTHER\n")
    tmp_path.joinpath("about").write_text('{"arch": "x86_64", "srcarch": "x86", "version": "6.12.1"}\n')
    return Model.read(tmp_path)


def test_a_symbol_is_read(model: Model) -> None:
    """The resolver's data about an option becomes a `Symbol`; missing fields have their defaults."""
    assert model["KGDB"] == Symbol(
        name="KGDB",
        type="bool",
        prompts=(Prompt("KGDB: kernel debugger", Ref("DEBUG_KERNEL"), ("Kernel hacking", "Debugging")),),
        selects=(Select("FRAME_POINTER", Not(Ref("X"))),),
        depends=And((Ref("HAVE_ARCH_KGDB"), Ref("DEBUG_KERNEL"))),
        definitions=(Definition("lib/Kconfig.kgdb", 6, Ref("HAVE_ARCH_KGDB")),),
        help="A line\nsépare\u2028 another",
    )
    assert model["SHIFT"] == Symbol(
        name="SHIFT",
        type="int",
        defaults=(Default(Const("17")),),
        ranges=(Range(Const("12"), Ref("MOST"), Ref("KGDB")),),
        choice="@1",
        transitional=True,
        selected_by=Ref("KGDB"),
    )


def test_names(model: Model) -> None:
    """A model is a mapping in order of its names."""
    assert model.names == tuple(model) == ("KGDB", "SHIFT")
    assert (len(model), "KGDB" in model, "ARM64_PAN" in model) == (2, True, False)
    with pytest.raises(KeyError):
        model["ARM64_PAN"]


def test_choices(model: Model) -> None:
    """A choice has an id, which its members refer to."""
    assert model.choices == {
        "@1": Choice(id="@1", prompt="Which", members=("SHIFT",), defaults=(Default(Ref("SHIFT")),))
    }


def test_what_is_defined_elsewhere(model: Model) -> None:
    """Every place that defines an option is known, for this architecture or not."""
    assert model.elsewhere("KGDB") == ("arch/x/Kconfig:3", "arch/y/Kconfig:4")
    assert model.elsewhere("NOWHERE") == ()


def test_what_is_common(model: Model) -> None:
    """The options that the kernel's own configurations enable are known, defined here or not."""
    assert model.common == {"KGDB", "OTHER"}


def test_architecture_and_version(model: Model) -> None:
    """The architecture and the version are the kernel's own."""
    assert (model.arch, model.srcarch, model.version) == ("x86_64", "x86", "6.12.1")
