"""Phrases that sentences about options share."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.kconfig.language.fragment import Request


_NAMES = 4  # more would bury the sentence that they are in


def joined(names: Sequence[str], word: str = "and") -> str:
    """Return *names* as a list in a sentence, with *word* before the last, abbreviated if long."""
    if len(names) > _NAMES:
        return f"{', '.join(names[:_NAMES])} {word} {len(names) - _NAMES} more"
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def selecting(names: Sequence[str]) -> str:
    """Return the clause that the options *names* select another."""
    return f"{joined(names)} select{'s' if len(names) == 1 else ''} it"


def place(request: Request) -> str:
    """Return the origin of *request* in parentheses after a space; empty if it is not known."""
    return f" ({request.origin})" if str(request.origin) else ""
