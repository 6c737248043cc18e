"""Gates: the conditions under which parts of a tree are built, and their form in an expanded makefile.

A gate is open if at least one option in each of its terms is on. The values of options are unknown while
makefiles are read, so expanded text contains `$(CONFIG_X)` as it is, and `&` between two of them means
"both"; a word that contains `$(CONFIG_X)` is present if X is on. `$(?)` is an unknown value.
"""

from __future__ import annotations

import functools
import re

from collections.abc import Callable
from typing import TypeAlias


Term: TypeAlias = tuple[str, ...]
Gate: TypeAlias = tuple[Term, ...]

Level: TypeAlias = Callable[[str], int]
"""Returns the value of an option: 0 for n, 1 for m, 2 for y."""

UNKNOWN = "$(?)"

SYMBOL = re.compile(r"\$\(CONFIG_(\w+)\)")
SYMBOLIC = re.compile(r"\$\((?:CONFIG_\w+|\?)\)")


def gate_of(text: str) -> Gate:
    """Return the gate of the options in an expanded *text*."""
    terms = (tuple(dict.fromkeys(SYMBOL.findall(part))) for part in text.split("&"))
    return tuple(dict.fromkeys(term for term in terms if term))


def without_options(word: str) -> str:
    """Return *word* without the options that it depends on."""
    return SYMBOLIC.sub("", word).replace("&", "")


def when(condition: str, words: str) -> str:
    """Return *words*, each made to depend on the options of *condition* too."""
    options = "&".join("".join(f"$(CONFIG_{it})" for it in term) for term in gate_of(condition))
    return " ".join(f"{options}&{word}" if options else word for word in words.split())


def gate_level(gate: Gate, level: Level) -> int:
    """Return the level of an object with *gate*, with the options at *level*."""
    return min((max(map(level, term)) for term in gate), default=2)


def write_gate(gate: Gate) -> str:
    """Return *gate* as text, such as `A|B C`: its terms, each the options of which one must be on."""
    return " ".join("|".join(term) for term in gate)


@functools.lru_cache(maxsize=65536)  # a tree has 30,000 gates, a third of them distinct
def read_gate(text: str) -> Gate:
    """Return what `write_gate` wrote."""
    return tuple(tuple(term.split("|")) for term in text.split())
