"""Reading JSON from outside: a value, or a ValueError that says why the text cannot be used.

Python's reader accepts more than JSON allows, and raises more than ValueError: deep nesting (`RecursionError`),
infinity and numbers that fit neither a float nor a database (`OverflowError`, much later), and lone surrogates,
which cannot be written anywhere. With this module, callers only need to handle ValueError.
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
"""How deep lists and objects may be nested: none of our documents reaches ten, and errors print what they quote."""

LARGEST = 2**63 - 1
"""The largest integer: SQLite and file sizes stop here."""

_DIGITS = len(str(LARGEST)) + 1
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def parse_json(text: str | bytes, *, make_object: Callable[[Pairs], Any] | None = None) -> Any:  # noqa: ANN401 -- JSON is anything
    """Parse the JSON *text*; *make_object* builds objects from their members, dictionaries by default.

    Raises:
        ValueError: it is not JSON, or it exceeds the limits above.
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
    """Check that the lists and dictionaries in *value* are nested at most `DEEPEST` deep.

    Raises:
        ValueError: they are nested deeper.
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
    return f"lists and objects are nested more than {DEEPEST} deep"


def _integer(text: str) -> int:
    if len(text) > _DIGITS or not -LARGEST <= (number := int(text)) <= LARGEST:
        msg = f"the number {_cut(text)} is too large"
        raise ValueError(msg)
    return number


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        msg = f"the number {_cut(text)} is too large"
        raise ValueError(msg)
    return number


def _constant(text: str) -> float:
    msg = f"the number {text} is not allowed"
    raise ValueError(msg)


def _check_characters(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        msg = "it contains a lone surrogate"
        raise ValueError(msg) from None


def _cut(text: str) -> str:
    return text if len(text) <= _DIGITS else f"{text[:_DIGITS]}…"
