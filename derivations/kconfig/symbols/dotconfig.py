"""The text of a `.config`: parsed, and written with requests on top, as the resolver does (`linux/scripts/kconf/`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.language.text import line, split_line
from derivations.kconfig.language.values import NO, YES, read


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Model


def parse(dotconfig: str) -> dict[str, Value]:
    """Return the options that *dotconfig*, a `.config` as the kernel writes it, sets; those not set are NO.

    A number that Kconfig keeps as written, such as `ff`, or an empty one, is returned as a string.
    """
    values: dict[str, Value] = {}
    for raw in dotconfig.split("\n"):
        pair = split_line(raw)
        if pair is not None:
            name, value = pair
            values[name] = NO if value is None else _value(value)
    return values


def compose(base: str, requests: Mapping[str, Value], model: Model) -> str:
    """Return *base*, the text of a `.config`, with *requests* replacing its own lines.

    A requested member of a choice replaces the member that *base* sets.
    """
    replaced = {*requests, *_rivals(requests, model)}
    kept = (it for it in base.splitlines(keepends=True) if _option(it) not in replaced)
    return "".join(kept) + "".join(f"{line(name, requests[name])}\n" for name in sorted(requests))


def _value(written: str) -> Value:
    try:
        return read(written)
    except ValueError:
        return written


def _rivals(requests: Mapping[str, Value], model: Model) -> Iterable[str]:
    for name, value in requests.items():
        yield from model.rivals(name) if value is YES else ()


def _option(text: str) -> str | None:
    pair = split_line(text.removesuffix("\n"))
    return None if pair is None else pair[0]
