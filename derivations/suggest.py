"""Suggestions for misspelled words."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """Return ``did you mean …?`` with the known words closest to *word*, None if none is close."""
    import difflib  # noqa: PLC0415 -- start-up: only errors suggest

    # The numbers are difflib's own defaults.
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else None
