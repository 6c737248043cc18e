"""The result of Kconfig: the value of every option, and whether it can be changed.

The table has one line per option, as `derivations/linux/scripts/kconf/` writes it: name, visibility (0, 1, 2), whether
the `.config` has a line for it (0, 1), value. A string follows a quotation mark, with no escapes and no closing
mark, so that no string looks like a tristate. Choices are included, by their id. A table that the resolver made ends in
`# settled at once` if Kconfig did not change its own result when it read that again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Self

import attrs

from derivations.kconfig.symbols.expression import Level


if TYPE_CHECKING:
    from pathlib import Path


SETTLED = "# settled at once"

_LEVELS = {"n": Level.N, "m": Level.M, "y": Level.Y}


@attrs.frozen
class OptionState:
    """The value of an option.

    Attributes:
        value: In Kconfig's form: `y`, `17`, `0x10`, a string without quotation marks.
        visible: The highest value that can be set; n if no prompt is visible.
        written: Whether the `.config` has a line for it.
    """

    value: str
    visible: Level
    written: bool


class Values(Mapping[str, OptionState]):
    """Every option's value, by name. Lines are parsed on access: there are about 20,000."""

    def __init__(self, lines: Mapping[str, str]) -> None:
        """Take the rest of each line, by name."""
        self._lines = lines

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the values in *text*, a table."""
        lines = (line.partition(" ") for line in text.split("\n") if line and line != SETTLED)
        return cls({name: rest for name, _, rest in lines})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the values in the table at *path*."""
        return cls.parse(path.read_text(encoding="utf-8", errors="surrogateescape"))

    def __getitem__(self, name: str) -> OptionState:
        visible, written, value = self._lines[name].split(" ", 2)
        return OptionState(value.removeprefix('"'), Level(int(visible)), written == "1")

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def level(self, name: str) -> Level:
        """Return the level of *name*, an option or a choice, in an expression."""
        return _LEVELS.get(self._lines.get(name, "")[4:], Level.N)

    def text(self, name: str) -> str:
        """Return the value of *name*; *name* itself if it is not defined, like Kconfig."""
        line = self._lines.get(name)
        return name if line is None else line[4:].removeprefix('"')

    def changed(self, other: Values) -> Iterator[str]:
        """Yield the names of options whose value differs in *other*, or that only one of the two has."""
        for name in sorted(self._lines.keys() | other._lines.keys()):
            if self._lines.get(name, "")[4:] != other._lines.get(name, "")[4:]:
                yield name


Evaluate = Callable[[str], Values]
"""A function that resolves the text of a `.config`, whole or partial, by Kconfig."""
