"""Whether a value fits an option of a type, and whether an option has it: by meaning, not by text."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.language.values import MODULE, NO, Hex, Tristate, written


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Symbol
    from derivations.kconfig.symbols.values_table import OptionState


SWITCHES = frozenset({"bool", "tristate"})

_DECIMAL = re.compile(r"-?[0-9]+", re.ASCII)
_DIGIT = 9  # up to here, a number is the same in decimal and in hexadecimal
_HEX = re.compile(r"(?:0[xX])?[0-9a-fA-F]+", re.ASCII)


@attrs.frozen
class Misfit:
    """Why an option cannot have a value, and what to write instead, each a clause."""

    reason: str
    suggestion: str


def misfit(wanted: Value, symbol: Symbol) -> Misfit | None:
    """Return why *symbol* can never be *wanted*; None if it can.

    NO fits every option: an absent one satisfies it.
    """
    if symbol.type in SWITCHES:
        return _no_switch(wanted, symbol)
    if wanted is NO:
        return None
    if symbol.type == "string":
        if isinstance(wanted, str):
            return None
        reason = f"it is a string, and Kconfig drops {written(wanted)} without quotation marks"
        return Misfit(reason, f'write "{written(wanted)}"')
    return _no_number(wanted, symbol)


def _no_switch(wanted: Value, symbol: Symbol) -> Misfit | None:
    allowed = "YES or NO" if symbol.type == "bool" else "YES, MODULE or NO"
    if wanted is MODULE and symbol.type == "bool":
        return Misfit("it is a bool, never a module", "write YES")
    if isinstance(wanted, Tristate):
        return None
    kind = "a string" if isinstance(wanted, str) else "a number"
    return Misfit(f"it is a {symbol.type}, and {written(wanted)} is {kind}", f"write {allowed}")


def _no_number(wanted: Value, symbol: Symbol) -> Misfit | None:
    match symbol.type, wanted:
        case "int", str() if _DECIMAL.fullmatch(wanted):
            return Misfit("it is a number, and Kconfig drops one in quotation marks", f"write {wanted}")
        case "hex", str() if _HEX.fullmatch(wanted):
            return Misfit(
                "it is a number, and Kconfig drops one in quotation marks", f"write Hex(0x{int(wanted, 16):x})"
            )
        case "int", Hex(decimal):
            return Misfit("it is a decimal number, and Kconfig drops one with 0x", f"write {decimal}")
        case "hex", int() if not 0 <= wanted <= _DIGIT:
            digits = str(wanted)
            reason = f"it is a hexadecimal number, so {digits} would be 0x{digits}"
            return Misfit(reason, f"write Hex(0x{digits}), or Hex({wanted:#x}) for the decimal number")
        case (("int" | "hex"), (int() | Hex())):
            return None
    example = "a hexadecimal number, such as Hex(0x10)" if symbol.type == "hex" else "a number, such as 16"
    return Misfit(f"it is a number, and {written(wanted)} is not", f"write {example}")


def holds(wanted: Value, symbol: Symbol, state: OptionState) -> bool:
    """Return whether *symbol* in *state* has the value *wanted*; NO and an empty string need no line."""
    if symbol.type in SWITCHES:
        return isinstance(wanted, Tristate) and wanted.value == state.value
    if wanted is NO:
        return not state.written
    if symbol.type == "string":
        return wanted == state.value
    return number(written(wanted), symbol) == number(state.value, symbol) is not None


def number(text: str, symbol: Symbol) -> int | None:
    """Return *text* as a number for *symbol*; a hex option needs no 0x, since Kconfig keeps the text as written."""
    if symbol.type == "hex":
        return int(text, 16) if _HEX.fullmatch(text) else None
    return int(text) if _DECIMAL.fullmatch(text) else None
