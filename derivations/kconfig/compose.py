"""The text of a configuration with requests put over it, as the resolver writes it (`derivations/linux/scripts/kconf/`)."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

from derivations.kconfig.text import line
from derivations.kconfig.values import YES


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.kconfig.model import Model
    from derivations.kconfig.values import Value


_LINE = re.compile(r"(?:CONFIG_(\w+)=.*|# CONFIG_(\w+) is not set)\n?", re.ASCII)


def compose(base: str, requests: Mapping[str, Value], model: Model) -> str:
    """Return *base*, the text of a `.config`, with *requests* in the place of its own lines.

    A member of a choice that is asked for takes the place of the member that *base* has.
    """
    replaced = {*requests, *_rivals(requests, model)}
    kept = (it for it in base.splitlines(keepends=True) if _option(it) not in replaced)
    return "".join(kept) + "".join(f"{line(name, requests[name])}\n" for name in sorted(requests))


def _rivals(requests: Mapping[str, Value], model: Model) -> Iterable[str]:
    for name, value in requests.items():
        choice = model.choices.get(model[name].choice or "") if value is YES and name in model else None
        yield from choice.members if choice is not None else ()


def _option(text: str) -> str | None:
    match = _LINE.fullmatch(text)
    return None if match is None else match[1] or match[2]
