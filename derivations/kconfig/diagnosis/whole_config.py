"""A whole `.config`, of which every line has to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap
from derivations.kconfig.diagnosis.outcome import asked
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.header import check_architecture, check_complete, check_version, check_whole
from derivations.kconfig.language.text import split_line
from derivations.kconfig.language.values import NO, Tristate
from derivations.kconfig.symbols.dotconfig import parse
from derivations.kconfig.symbols.fits import holds


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from derivations.kconfig.language.merge import Merged
    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Model
    from derivations.kconfig.symbols.values_table import Values


def local_version(text: str) -> str:
    """Return the CONFIG_LOCALVERSION of the `.config` *text*."""
    value = parse(text).get("LOCALVERSION", "")
    return value if isinstance(value, str) else ""


def exactly(text: str, file: str, result: Mapping[str, Value], has_prompt: Callable[[str], bool]) -> dict[str, Request]:
    """Return the requests that hold in the resolved *result* only if that says what the `.config` *text*, of *file*, says.

    What the file leaves out is to be absent: off, or empty. Options without a prompt are computed
    by Kconfig, of the compiler among others: their requests are optional.
    """
    lines = {pair[0]: line for line, raw in enumerate(text.split("\n"), 1) if (pair := split_line(raw)) is not None}
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


def whole(text: str, file: str, config: str, model: Model) -> dict[str, Request]:
    """Return what the whole `.config` *text*, of *file*, asks of the resolved *config*.

    Raises:
        IncompleteConfig, MinimalConfig, ForeignConfig, ConfigOfOtherVersion: it is nothing that can hold to the last line.
    """
    check_complete(text, file)
    check_whole(text, file)
    check_architecture(text, file, [model.arch])
    check_version(text, file, model.version)
    return exactly(text, file, parse(config), lambda option: option not in model or bool(model[option].prompts))


def with_changes(merged: Merged, said: Mapping[str, Request], model: Model, values: Values) -> Merged:
    """Return *merged* and, beneath it, what of *said* has to hold and does not."""
    changed = {
        option: it
        for option, it in said.items()
        if not it.optional and (option not in model or not holds(asked(it), model[option], values[option]))
    }
    return attrs.evolve(merged, requests=FrozenMap({**changed, **merged.requests}))
