"""What sentences about options have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.kconfig.language.fragment import Request


_NAMES = 4


def joined(names: Sequence[str], word: str = "and") -> str:
    """Return *names* as a sentence has them, with *word* before the last; not too many of them."""
    if len(names) > _NAMES:
        return f"{', '.join(names[:_NAMES])} {word} {len(names) - _NAMES} more"
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def selecting(names: Sequence[str]) -> str:
    """Return that options of these *names* select one."""
    return f"{joined(names)} select{'s' if len(names) == 1 else ''} it"


def place(request: Request) -> str:
    """Return where *request* comes from, in brackets behind a space; nothing if that is not known."""
    return f" ({request.origin})" if str(request.origin) else ""
