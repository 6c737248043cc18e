"""The words of the command line that select what a verb works on, for the commands in hints.

A hint names a command: "`kernix config fix mine` looks for …". If `mine` comes from a file, is changed by an overlay,
or is for another system, this command would not find it, or find another one. So code that prints a text calls
`completed`, which adds these words to every command in it that takes them. Code that writes a hint need not know them.
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
        words: The options that select attributes, as on a command line.
        attribute: The verb's attribute; None for none or several.
    """

    words: tuple[str, ...] = ()
    attribute: str | None = None


_CURRENT: ContextVar[Selection | None] = ContextVar("selection", default=None)

_NEED_ATTRIBUTE = "config (?:check|fix)"
_COMMAND = re.compile(
    rf"`kernix (?P<verb>{_NEED_ATTRIBUTE}|config (?:diff|edit|explain|hardening|search|upgrade)|config(?! import)"
    r"|boot|build|check|instantiate|list|log|shell|show|why-depends|why-rebuild)(?P<rest>(?: [^`]*)?)`"
)
_ALREADY = re.compile(r" (?:-f|--file|--overlay|--system|--lock|--help)\b")


def select(options: Options, attribute: object = None) -> None:
    """Store the selection of the running verb."""
    default = type(options)()
    words = [] if options.file is None else ["-f", str(options.file)]
    words += [word for overlay in options.overlays for word in ("--overlay", overlay)]
    words += [] if options.lock is None else ["--lock", str(options.lock)]
    words += [] if options.system == default.system else ["--system", options.system]
    _CURRENT.set(Selection(tuple(words), attribute if isinstance(attribute, str) else None))


def forget() -> None:
    """Forget the selection of an earlier verb."""
    _CURRENT.set(None)


def completed(text: str) -> str:
    """Return *text* with the selecting words, and a missing attribute, added to each command that takes them."""
    return _COMMAND.sub(_completed, text)


def _completed(match: re.Match[str]) -> str:
    current = _CURRENT.get() or Selection()
    verb, rest = match["verb"], match["rest"]
    if not rest and re.fullmatch(_NEED_ATTRIBUTE, verb) and current.attribute is not None:
        rest = f" {shlex.quote(current.attribute)}"
    words = "" if _ALREADY.search(rest) else "".join(f" {shlex.quote(it)}" for it in current.words)
    return f"`kernix {verb}{words}{rest}`"
