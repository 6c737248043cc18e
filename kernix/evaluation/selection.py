"""The words of the command line that select what a verb works on, for commands that are proposed to the user.

A hint names a command: "`kernix config fix mine` looks for …". Where `mine` was taken from a file, laid over by an
overlay or for another system, the command would not find it, or find another one. So whoever prints a text has
`completed` add these words to every command in it that takes them. Who writes the hint need not know them.
"""

from __future__ import annotations

import re
import shlex

from contextvars import ContextVar
from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from kernix.evaluation.inputs import Options


@attrs.frozen
class Selection:
    """What a verb works on.

    Attributes:
        words: What says where attributes come from, as on a command line.
        attribute: The attribute that the verb was given; None for none or several.
    """

    words: tuple[str, ...] = ()
    attribute: str | None = None


_CURRENT: ContextVar[Selection | None] = ContextVar("selection", default=None)

_NEED_ATTRIBUTE = "config (?:check|fix)"
_COMMAND = re.compile(
    rf"`kernix (?P<verb>{_NEED_ATTRIBUTE}|config (?:diff|edit|explain|hardening|search|upgrade)|config(?! import)"
    r"|boot|build|check|instantiate|list|log|shell|show|why-depends)(?P<rest>(?: [^`]*)?)`"
)
_ALREADY = re.compile(r" (?:-f|--file|--overlay|--system|--lock|--help)\b")


def select(options: Options, attribute: object = None) -> None:
    """Remember what the verb that runs was told to work on."""
    default = type(options)()
    words = [] if options.file is None else ["-f", str(options.file)]
    words += [word for overlay in options.overlays for word in ("--overlay", overlay)]
    words += [] if options.lock is None else ["--lock", str(options.lock)]
    words += [] if options.system == default.system else ["--system", options.system]
    _CURRENT.set(Selection(tuple(words), attribute if isinstance(attribute, str) else None))


def forget() -> None:
    """Forget what a verb before this one worked on."""
    _CURRENT.set(None)


def completed(text: str) -> str:
    """Return *text* with the words in each command in it that takes them, and the attribute where that is missing."""
    return _COMMAND.sub(_completed, text)


def _completed(match: re.Match[str]) -> str:
    current = _CURRENT.get() or Selection()
    verb, rest = match["verb"], match["rest"]
    if not rest and re.fullmatch(_NEED_ATTRIBUTE, verb) and current.attribute is not None:
        rest = f" {shlex.quote(current.attribute)}"
    words = "" if _ALREADY.search(rest) else "".join(f" {shlex.quote(it)}" for it in current.words)
    return f"`kernix {verb}{words}{rest}`"
