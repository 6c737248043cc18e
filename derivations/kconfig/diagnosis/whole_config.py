"""A whole `.config`, every line of which must hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap
from derivations.kconfig.diagnosis.outcome import requested_value
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


def exact_requests(
    text: str, file: str, result: Mapping[str, Value], has_prompt: Callable[[str], bool]
) -> dict[str, Request]:
    """Return requests that all hold only if the resolved *result* equals the `.config` *text*, of *file*.

    Options that the file leaves out must be absent: off, or empty. Kconfig computes options without a prompt, from
    the compiler among others: their requests are optional.
    """
    lines = {pair[0]: line for line, raw in enumerate(text.split("\n"), 1) if (pair := split_line(raw)) is not None}
    in_file = parse(text)
    left_out: dict[str, Value] = {
        name: NO if isinstance(value, Tristate) else "" for name, value in result.items() if name not in in_file
    }
    return {
        name: Request(
            value, optional=not has_prompt(name), origin=Origin(file, f"{file}:{lines[name]}" if name in lines else "")
        )
        for name, value in {**in_file, **left_out}.items()
    }


def whole_config_requests(text: str, file: str, config: str, model: Model) -> dict[str, Request]:
    """Return the requests that the whole `.config` *text*, of *file*, makes of the resolved *config*.

    Raises:
        IncompleteConfig, MinimalConfig, ForeignConfig, ConfigOfOtherVersion: it cannot hold to the last line.
    """
    check_complete(text, file)
    check_whole(text, file)
    check_architecture(text, file, [model.arch])
    check_version(text, file, model.version)
    return exact_requests(text, file, parse(config), lambda option: option not in model or bool(model[option].prompts))


def with_changes(merged: Merged, in_file: Mapping[str, Request], model: Model, values: Values) -> Merged:
    """Return *merged* with the requests of the file *in_file* that must hold and do not, at lower priority."""
    changed = {
        option: it
        for option, it in in_file.items()
        if not it.optional and (option not in model or not holds(requested_value(it), model[option], values[option]))
    }
    return attrs.evolve(merged, requests=FrozenMap({**changed, **merged.requests}))
