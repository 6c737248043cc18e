"""Counting what a kernel's build compiles, from the lines that make prints."""

from __future__ import annotations

import re

import attrs


_COMPILES = re.compile(r"  (?:CC|AS|HOSTCC|HOSTCXX|RUSTC) +(?:\[M\] +)?(\S+)")
_OBJECT = (".o", ".s")


@attrs.define
class Counted:
    """How many compilations have been announced, and how many are expected; None if that is not known."""

    expected: int | None = None
    done: int = 0

    def hear(self, line: str) -> bool:
        """Count *line* if it announces a compilation, and return whether it does."""
        found = _COMPILES.match(line)
        self.done += found is not None
        return found is not None
