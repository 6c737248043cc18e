"""JSON from outside: what is in it, or a ValueError whose sentence says why it cannot be read.

Python's own reader takes more than JSON is, and raises more than ValueError: it recurses (`RecursionError`), it knows
infinity and numbers that no float and no database holds (`OverflowError`, much later), and half of a pair of
surrogates, which cannot be written anywhere. Whoever reads with this need think of ValueError only.
"""

from __future__ import annotations

import json
import math
import re

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Pairs = list[tuple[str, Any]]


DEEPEST = 64
"""How many lists and objects may be in each other: no document of ours has ten, and errors print what they quote."""

LARGEST = 2**63 - 1
"""The largest number: SQLite, and sizes of files, know none beyond."""

_DIGITS = len(str(LARGEST)) + 1
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def parse_json(text: str | bytes, *, make_object: Callable[[Pairs], Any] | None = None) -> Any:  # noqa: ANN401 -- JSON is anything
    """Return what the JSON *text* is; objects are what *make_object* makes of their members, dictionaries by default.

    Raises:
        ValueError: it is not JSON, or nothing that kernix could use.
    """
    text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    try:
        value = json.loads(
            text, parse_int=_integer, parse_float=_float, parse_constant=_constant, object_pairs_hook=make_object
        )
    except RecursionError:
        raise ValueError(_too_deep()) from None
    check_depth(value)
    if _SURROGATE.search(text):
        _check_characters(value)
    return value


def check_depth(value: object) -> None:
    """Check that *value*, made of lists and dictionaries, has no more than `DEEPEST` of them in each other.

    Raises:
        ValueError: it has.
    """
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [it for outer in level if isinstance(outer, (dict, list)) for it in _inner(outer)]
        if not level:
            return
    raise ValueError(_too_deep())


def _inner(value: dict[Any, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _too_deep() -> str:
    return f"more than {DEEPEST} lists and objects are in each other"


def _integer(text: str) -> int:
    if len(text) > _DIGITS or not -LARGEST <= (number := int(text)) <= LARGEST:
        msg = f"{_cut(text)} is too large a number"
        raise ValueError(msg)
    return number


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        msg = f"{_cut(text)} is too large a number"
        raise ValueError(msg)
    return number


def _constant(text: str) -> float:
    msg = f"{text} is no number"
    raise ValueError(msg)


def _check_characters(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        msg = "half of a surrogate pair is in it"
        raise ValueError(msg) from None


def _cut(text: str) -> str:
    return text if len(text) <= _DIGITS else f"{text[:_DIGITS]}…"
