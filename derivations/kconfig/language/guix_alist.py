"""Guix' association lists of options, as in kernel definitions in Scheme.

    (define %emulation
      `(("CONFIG_IA32_EMULATION" . #t)       ; yes
        ("CONFIG_KVM" . m)                   ; a module
        ("CONFIG_DEBUG_INFO" . #f)           ; no
        ("CONFIG_CMDLINE" . "quiet")))       ; a string

The pairs are read, from any number of lists. A computed list, such as `(append %emulation %efi-support)`, refers to
definitions elsewhere, and is a problem.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, NamedTuple

from derivations.kconfig.language.values import MODULE, NO, YES, Value, checked, option_name, shown


if TYPE_CHECKING:
    from collections.abc import Iterator


_BEGINNING = re.compile(r"(?:\s|;[^\n]*\n)*['`]?\(")
_TOKEN = re.compile(
    r"""(?P<blank>[\s'`]+|;[^\n]*)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<bracket>[()])|(?P<word>[^\s();"]+)|(?P<other>.)""",
    re.DOTALL,
)
_WORDS: dict[str, Value] = {"#t": YES, "#true": YES, "m": MODULE, "#f": NO, "#false": NO}
_NUMBER = re.compile(r"-?[0-9]+", re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SILENT = frozenset({"list", "quote", "quasiquote"})
_DEFINES = frozenset({"define", "define-public"})
_PAIR = 5  # ( "CONFIG_X" . m )


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def is_alist(text: str) -> bool:
    """Return whether *text* begins like a list in Scheme, as no `.config` can."""
    return _BEGINNING.match(text) is not None


def pairs(text: str) -> Iterator[tuple[int, tuple[str, Value] | ValueError]]:
    """Yield for each pair in *text* its line number and its option and value, or its problem."""
    tokens = list(_tokens(text))
    depth = at = 0
    while at < len(tokens):
        token = tokens[at]
        step = 1
        if _is_pair(tokens[at : at + _PAIR]):
            step = _PAIR
            try:
                yield token.line, (_option(tokens[at + 1].text), _value(tokens[at + 3]))
            except ValueError as error:
                yield token.line, error
        elif token.kind == "bracket":
            depth += 1 if token.text == "(" else -1
        elif token.text in _DEFINES:
            step = 2  # skip the name being defined
        elif token.text not in _SILENT:
            yield (
                token.line,
                ValueError(f'{shown(token.text)} is not a pair; write ("CONFIG_X" . #t), m, #f, or a string'),
            )
        at += step
    if depth:
        yield text.count("\n") + 1, ValueError("unbalanced parentheses: is the list complete?")


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "blank":
            yield _Token(str(match.lastgroup), match[0], line)
        line += match[0].count("\n")


def _is_pair(tokens: list[_Token]) -> bool:
    shape = [it.text if it.kind == "bracket" or it.text == "." else it.kind for it in tokens]
    return shape in (["(", "text", ".", "word", ")"], ["(", "text", ".", "text", ")"])


def _option(quoted: str) -> str:
    name = quoted[1:-1]
    if not name.startswith("CONFIG_"):
        msg = f"{shown(name)}: Guix ignores an option without the prefix; write CONFIG_{name}"
        raise ValueError(msg)
    return option_name(name)


def _value(token: _Token) -> Value:
    if token.kind == "text":
        return checked(_ESCAPED.sub(r"\1", token.text[1:-1]))
    if token.text in _WORDS:
        return _WORDS[token.text]
    if _NUMBER.fullmatch(token.text):
        return checked(int(token.text))
    msg = f"{shown(token.text)} is not #t, m, #f, a number or a string"
    raise ValueError(msg)
