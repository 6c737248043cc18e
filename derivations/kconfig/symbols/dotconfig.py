"""The text of a `.config`: read, and written with requests put over it, as the resolver does (`linux/scripts/kconf/`)."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

from derivations.kconfig.language.text import line
from derivations.kconfig.language.values import NO, YES, read


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Model


_LINE = re.compile(r"(?:CONFIG_(\w+)=.*|# CONFIG_(\w+) is not set)\n?", re.ASCII)


def parse(dotconfig: str) -> dict[str, Value]:
    """Return the options that *dotconfig*, a `.config` as the kernel writes it, sets; those not set are NO.

    A number that Kconfig keeps as it was written, such as `ff`, or that has no value, is a text.
    """
    values: dict[str, Value] = {}
    for raw in dotconfig.split("\n"):
        if raw.startswith("CONFIG_"):
            name, _, value = raw.removeprefix("CONFIG_").partition("=")
            values[name] = _value(value)
        elif raw.startswith("# CONFIG_") and raw.endswith(" is not set"):
            values[raw[len("# CONFIG_") : -len(" is not set")]] = NO
    return values


def compose(base: str, requests: Mapping[str, Value], model: Model) -> str:
    """Return *base*, the text of a `.config`, with *requests* in the place of its own lines.

    A member of a choice that is asked for takes the place of the member that *base* has.
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
        choice = model.choices.get(model[name].choice or "") if value is YES and name in model else None
        yield from choice.members if choice is not None else ()


def _option(text: str) -> str | None:
    match = _LINE.fullmatch(text)
    return None if match is None else match[1] or match[2]
