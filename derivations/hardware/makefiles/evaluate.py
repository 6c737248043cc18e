"""The assignments in a Kbuild makefile, with the options that each depends on.

This reads the part of GNU make's language that `Documentation/kbuild/makefiles.rst` uses:
assignments, `include`, `ifeq` and the like, variables, functions. Assignments in a conditional, or to a variable whose
name contains the value of an option, have a gate (see `gate`).
"""

from __future__ import annotations

import posixpath
import re

from typing import TYPE_CHECKING, TypeAlias

import attrs

from derivations.hardware.makefiles.functions import FUNCTIONS, patsubst
from derivations.hardware.makefiles.gate import SYMBOL, SYMBOLIC, UNKNOWN, when


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from derivations.hardware.makefiles.gate import Gate


Read: TypeAlias = "Callable[[str], str | None]"
"""Returns the text of a file of the tree by its path, None if there is no such file."""

_COMMENT = re.compile(r"(?<!\\)#.*")
_CONDITIONAL = re.compile(r"(ifeq|ifneq|ifdef|ifndef|else|endif)\b\s*(.*)")
_INCLUDE = re.compile(r"[-s]?include\s+(.*)")
_ASSIGNMENT = re.compile(r"(?:(?:export|override)\s+)*([^\s:=+?#][^:=+?#]*?)\s*(\+=|:{0,3}=|\?=)\s*(.*)")
_SUBSTITUTION = re.compile(r"([^:$]+):([^=]*)=(.*)")
_PAIR = re.compile(r"""["']([^"']*)["']\s+["']([^"']*)["']""")
_MAX_DEPTH = 20
"""How many includes, or references, may be in each other: what names itself would not end otherwise."""


@attrs.frozen
class GatedWords:
    """Words that are assigned to a variable if *gate* is open."""

    variable: str
    words: tuple[str, ...]
    gate: Gate


def assignments(path: str, read: Read, variables: dict[str, str]) -> Iterator[GatedWords]:
    """Yield the assignments in the makefile at *path* and in its includes, in order.

    Args:
        path: The makefile's path in the tree.
        read: Returns the text of a file.
        variables: The variables before the first line; every assignment changes them.
    """
    yield from _Makefile(read, variables).run(path, 0)


@attrs.define
class _Branch:
    """An open conditional: the gate of the current branch, and of the branches that may follow.

    None means that a branch is never taken.
    """

    now: Gate | None
    later: Gate | None


@attrs.define
class _Makefile:
    read: Read
    variables: dict[str, str]
    branches: list[_Branch] = attrs.field(factory=list)

    def run(self, path: str, depth: int) -> Iterator[GatedWords]:
        text = self.read(path) if depth < _MAX_DEPTH else None
        for line in _lines(text or ""):
            if match := _CONDITIONAL.match(line):
                self._branch(match[1], match[2])
                continue
            gate = self._gate()
            if gate is None:
                continue
            if match := _INCLUDE.match(line):
                for name in self.expand(match[1]).split():
                    yield from self.run(posixpath.normpath(name), depth + 1)
            elif match := _ASSIGNMENT.match(line):
                yield self._assign(match[1], match[2], match[3], gate)

    def _assign(self, left: str, operator: str, right: str, gate: Gate) -> GatedWords:
        variable, value = self.expand(left), self.expand(right)
        old = self.variables.get(variable)
        if operator == "?=" and old is not None:
            value = old
        self.variables[variable] = f"{old or ''} {value}".strip() if operator == "+=" else value
        return GatedWords(variable, tuple(value.split()), gate)

    def _gate(self) -> Gate | None:
        """Return the gate of the current line, None if the line is never read."""
        gate: Gate = ()
        for branch in self.branches:
            if branch.now is None:
                return None
            gate += branch.now
        return gate

    def _branch(self, keyword: str, rest: str) -> None:
        if keyword == "endif":
            if self.branches:
                self.branches.pop()
        elif keyword != "else":
            self.branches.append(_Branch(*self._condition(keyword, rest)))
        elif self.branches:
            branch = self.branches[-1]
            branch.now = branch.later
            if (match := _CONDITIONAL.match(rest)) and branch.now is not None:
                now, later = self._condition(match[1], match[2])
                branch.now, branch.later = _both(branch.now, now), _both(branch.now, later)

    def _condition(self, keyword: str, rest: str) -> tuple[Gate | None, Gate | None]:
        """Return the gates of the branch that *keyword* opens, and of its `else`."""
        if keyword in {"ifdef", "ifndef"}:
            name = self.expand(rest).strip()
            text = f"$({name})" if name.startswith("CONFIG_") else self._variable(name)
            then, otherwise = _compare(text, "")[::-1]
        else:
            left, right = self._operands(rest)
            then, otherwise = _compare(left, right)
        return (then, otherwise) if keyword in {"ifeq", "ifdef"} else (otherwise, then)

    def _operands(self, text: str) -> tuple[str, str]:
        if match := _PAIR.match(text):
            return self.expand(match[1]).strip(), self.expand(match[2]).strip()
        parts = _arguments(text.strip()[1:-1])
        left, right = (*parts, "", "")[:2]
        return self.expand(left).strip(), self.expand(right).strip()

    def expand(self, text: str, depth: int = 0) -> str:
        """Return *text* with its variables and functions expanded."""
        if "$" not in text or depth > _MAX_DEPTH:
            return text
        out, place = [], 0
        while (dollar := text.find("$", place)) >= 0:
            out.append(text[place:dollar])
            place = dollar + 2
            opened = text[dollar + 1 : place]
            if opened in {"(", "{"}:
                end = _closing(text, place, opened)
                out.append(self._evaluate(text[place:end], depth + 1))
                place = end + 1
            elif opened == "$":
                out.append("$")
        out.append(text[place:])
        return "".join(out)

    def _evaluate(self, body: str, depth: int) -> str:
        """Return the expansion of `$(body)`."""
        if f"$({body})" == UNKNOWN:
            return UNKNOWN
        function, _, rest = body.partition(" ")
        if function == "foreach":
            return self._foreach(_arguments(rest), depth)
        if function in FUNCTIONS:
            return FUNCTIONS[function]([self.expand(it, depth) for it in _arguments(rest)])
        if (match := _SUBSTITUTION.fullmatch(body)) is not None:
            return patsubst([f"%{match[2]}", f"%{match[3]}", self._variable(match[1])])
        return self._variable(self.expand(body, depth))

    def _variable(self, name: str) -> str:
        if name.startswith("CONFIG_"):
            return f"$({name})"
        value = self.variables.get(name, "")
        if name.endswith(("-y", "-m")):
            # The other half of Kbuild's idiom: `list-$(CONFIG_X) += a.o`, then `$(list-y)`.
            stem = f"{name[:-1]}$(CONFIG_"
            value += "".join(f" {when(it, words)}" for it, words in self.variables.items() if it.startswith(stem))
        return value

    def _foreach(self, arguments: list[str], depth: int) -> str:
        name, words, body = (*arguments, "", "", "")[:3]
        name = name.strip()
        old, out = self.variables.get(name, ""), []
        for word in self.expand(words, depth).split():
            self.variables[name] = word
            out.append(self.expand(body, depth))
        self.variables[name] = old
        return " ".join(out)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of *text* without commands and comments, with continued lines joined."""
    for line in text.replace("\\\n", " ").split("\n"):
        # A tab begins a command of a rule, but the kernel's makefiles also indent conditionals with tabs.
        if line.startswith("\t") and not _CONDITIONAL.match(line.strip()):
            continue
        if stripped := _COMMENT.sub("", line).strip():
            yield stripped


def _both(one: Gate | None, other: Gate | None) -> Gate | None:
    return None if one is None or other is None else one + other


def _compare(left: str, right: str) -> tuple[Gate | None, Gate | None]:
    """Return the gates for *left* and *right* being equal, and for being different."""
    if not SYMBOLIC.search(left + right):
        return ((), None) if left == right else (None, ())
    symbolic, value = (left, right) if SYMBOLIC.search(left) else (right, left)
    options = tuple(dict.fromkeys(SYMBOL.findall(symbolic)))
    if value in {"", "n", "0"}:
        return (), ((options,) if options else ())
    if set(value) <= {"y", "m"}:
        # `$(A)$(B)` compared with `yy` requires both, other values only one of them.
        return (tuple((it,) for it in options) if len(value) == len(options) else (options,)), ()
    return (), ()


def _closing(text: str, place: int, opened: str) -> int:
    """Return the place of the bracket that closes the one *opened* before *place*."""
    closed = ")" if opened == "(" else "}"
    depth = 1
    while place < len(text):
        depth += (text[place] == opened) - (text[place] == closed)
        if not depth:
            break
        place += 1
    return place


def _arguments(text: str) -> list[str]:
    """Return the arguments of a function, split at the commas outside of brackets."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += (character in "({") - (character in ")}")
        if character == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]
