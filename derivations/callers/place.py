"""Places in the user's Python code: a file's name and a line.

The place of an option is the line of its key, if the file's syntax shows it, or else the
line of the call that it was passed to. The file is read only when a place is shown: neither
a valid definition nor its key depends on its place.
"""

from __future__ import annotations

import itertools
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Collection
    from types import FrameType


@attrs.frozen
class Place:
    """A call in a Python file, from its first line to its last, and the variables that hold its argument."""

    file: str
    first: int
    last: int
    variables: tuple[str, ...] = ()

    def of(self, option: str, *, in_text: bool = False) -> str:
        """Return where *option* is written, as a key or in a string: in the variable, the call or a constant."""
        from derivations.option_lines import option_lines_in  # noqa: PLC0415 -- start-up: only errors and diagnoses show places

        name = option.removeprefix("CONFIG_")
        mentions = [it for it in option_lines_in(self.file) if it.name == name and it.in_text is in_text]
        if len(in_variables := {it.line for it in mentions if it.variable in self.variables}) == 1:
            return f"{self}:{in_variables.pop()}"
        in_call = {it.line for it in mentions if self.first <= it.line <= self.last}
        lines = in_call or {it.line for it in mentions if it.is_constant}
        return f"{self}:{lines.pop() if len(lines) == 1 else self.first}"

    def __str__(self) -> str:
        return Path(self.file).name


@attrs.frozen
class OptionPlace:
    """The place of an option in a call; its text is computed on demand."""

    call: Place
    option: str
    in_text: bool = False

    def __str__(self) -> str:
        return self.call.of(self.option, in_text=self.in_text)


def caller_place(machinery: Collection[str], given: object = None) -> Place | None:
    """Return the nearest call outside of the modules *machinery*; None if it has no file.

    *given* is the argument of the call, which a variable of the caller may hold. Calls made by attrs, or by code that
    it generates, are skipped.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 -- inspect costs 10 ms of start-up to wrap this
    while frame is not None and _is_machinery(frame, machinery):
        frame = frame.f_back
    if frame is None or frame.f_code.co_filename.startswith("<"):
        return None
    positions = itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None)
    first, last, *_ = next(positions, (None, None))
    line = first or frame.f_lineno
    return Place(frame.f_code.co_filename, line, last or line, _variables(frame, given))


def _variables(frame: FrameType, given: object) -> tuple[str, ...]:
    """Return the names of the variables of *frame* that hold *given*."""
    if given is None:
        return ()
    return tuple(name for name, it in {**frame.f_globals, **frame.f_locals}.items() if it is given)


def _is_machinery(frame: FrameType, modules: Collection[str]) -> bool:
    name = frame.f_globals.get("__name__", "")
    is_of_attrs = frame.f_code.co_filename.startswith("<attrs generated") or name.partition(".")[0] in {"attr", "attrs"}
    return is_of_attrs or name == __name__ or name in modules
