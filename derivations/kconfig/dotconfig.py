"""A whole `.config`, of which every line has to hold."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

from derivations.kconfig.check import parse
from derivations.kconfig.fragment import Origin, Request
from derivations.kconfig.values import NO, Tristate


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from derivations.kconfig.values import Value


_LINE = re.compile(r"^(?:CONFIG_([A-Za-z0-9_]+)=|# CONFIG_([A-Za-z0-9_]+) is not set$)")


def local_version(text: str) -> str:
    """Return the CONFIG_LOCALVERSION of the `.config` *text*."""
    value = parse(text).get("LOCALVERSION", "")
    return value if isinstance(value, str) else ""


def exactly(text: str, file: str, result: Mapping[str, Value], has_prompt: Callable[[str], bool]) -> dict[str, Request]:
    """Return the requests that hold in the resolved *result* only if that says what the `.config` *text*, of *file*, says.

    What the file leaves out is to be absent: off, or empty. Options without a prompt are computed
    by Kconfig, of the compiler among others: their requests are optional.
    """
    lines = {it[1] or it[2]: line for line, raw in enumerate(text.split("\n"), 1) if (it := _LINE.match(raw))}
    said = parse(text)
    left_out: dict[str, Value] = {
        name: NO if isinstance(value, Tristate) else "" for name, value in result.items() if name not in said
    }
    return {
        name: Request(
            value, optional=not has_prompt(name), origin=Origin(file, f"{file}:{lines[name]}" if name in lines else "")
        )
        for name, value in {**said, **left_out}.items()
    }
