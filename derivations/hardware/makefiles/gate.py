"""Gates: when something of a tree is built, and how an expanded makefile says so.

A gate is open if of each of its terms one option is on. No value of an option is known while
makefiles are read, so `$(CONFIG_X)` stands for itself in an expanded text, `&` between two of them for
"both"; a word that holds one is there if X is. What cannot be known at all is `$(?)`.
"""

from __future__ import annotations

import functools
import re

from collections.abc import Callable
from typing import TypeAlias


Term: TypeAlias = tuple[str, ...]
Gate: TypeAlias = tuple[Term, ...]

Level: TypeAlias = Callable[[str], int]
"""Returns what an option is: 0 for n, 1 for m, 2 for y."""

UNKNOWN = "$(?)"

SYMBOL = re.compile(r"\$\(CONFIG_(\w+)\)")
SYMBOLIC = re.compile(r"\$\((?:CONFIG_\w+|\?)\)")


def gate_of(text: str) -> Gate:
    """Return the gate that the options in an expanded *text* make."""
    terms = (tuple(dict.fromkeys(SYMBOL.findall(part))) for part in text.split("&"))
    return tuple(dict.fromkeys(term for term in terms if term))


def without_options(word: str) -> str:
    """Return *word* without the options that it hangs on."""
    return SYMBOLIC.sub("", word).replace("&", "")


def when(condition: str, words: str) -> str:
    """Return *words*, each hanging on the options of *condition* as well."""
    options = "&".join("".join(f"$(CONFIG_{it})" for it in term) for term in gate_of(condition))
    return " ".join(f"{options}&{word}" if options else word for word in words.split())


def gate_level(gate: Gate, level: Level) -> int:
    """Return what is behind *gate* where options are as *level* says."""
    return min((max(map(level, term)) for term in gate), default=2)


def write_gate(gate: Gate) -> str:
    """Return *gate* as text: its terms, each the options of which one must be on, `A|B C`."""
    return " ".join("|".join(term) for term in gate)


@functools.lru_cache(maxsize=65536)  # a tree has 30,000 gates, and a third as many different ones
def read_gate(text: str) -> Gate:
    """Return what `write_gate` wrote."""
    return tuple(tuple(term.split("|")) for term in text.split())
