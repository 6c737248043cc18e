"""Descriptions of kernels and derivations, as plain data that can be printed or written as JSON."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

from derivations.kconfig.language.values import written
from kernix.output.quantities import number


if TYPE_CHECKING:
    from collections.abc import Callable

    from derivations.derivation import Derivation, Output
    from derivations.linux.kernel import Kernel


LONGEST = 160
"""How many characters of a value, such as a builder's script, fit on a line, or two of a narrow terminal."""


def derivation_facts(derivation: Derivation, place: Callable[[Output], str | None]) -> dict[str, Any]:
    """Describe *derivation*; *place* returns the path of an output, None if it is not built."""
    facts: dict[str, Any] = {
        "name": derivation.name,
        "description": derivation.hints.description,
        "system": derivation.system,
        "builder": derivation.builder,
    }
    if derivation.args:
        facts["args"] = list(derivation.args)
    if derivation.env:
        facts["env"] = dict(derivation.env)
    if derivation.mounts:
        facts["mounts"] = {at: name_of(output) for at, output in derivation.mounts.items()}
    if derivation.fixed is not None:
        facts["fixed"] = f"{derivation.fixed.method}:{derivation.fixed.digest}"
    return {**facts, "outputs": _outputs(derivation, place), "key": derivation.key.hex()}


def kernel_facts(kernel: Kernel, place: Callable[[Output], str | None]) -> dict[str, Any]:
    """Describe *kernel*; *place* returns the path of an output, None if it is not built."""
    return {
        "name": kernel.name,
        "version": kernel.version,
        "release": kernel.release,
        "description": kernel.description,
        "system": kernel.context.system,
        "source": source_facts(kernel.source),
        "base": kernel.base if isinstance(kernel.base, str) else name_of(kernel.base),
        "patches": [patch.name for patch in kernel.arguments.patches],
        "config": {
            name: written(request.value) + (" (optional)" if request.optional else "")
            for name, request in kernel.requests.items()
        },
        "features": dict(kernel.features),
        "outputs": {name: place(output) for name, output in kernel.outputs.items()},
        "key": kernel.derivation.key.hex(),
    }


def source_facts(source: Output) -> dict[str, str]:
    """Return where *source* comes from: its name, and its URL or path and its hash if it is fetched."""
    derivation = source.derivation
    while derivation.fixed is None and len(derivation.mounts) == 1:
        derivation = next(
            iter(derivation.mounts.values())
        ).derivation  # the archive that is unpacked, or in the package
    facts = {"name": derivation.name}
    if "urls" in derivation.env:
        facts["url"] = json.loads(derivation.env["urls"])[0]
    for variable in ("url", "rev", "path"):
        if variable in derivation.env:
            facts[variable] = derivation.env[variable]
    if derivation.fixed is not None:
        facts["hash"] = f"{derivation.fixed.method}:{derivation.fixed.digest}"
    return facts


def name_of(output: Output) -> str:
    """Return how *output* is shown: its derivation's name, followed by its own unless it is the default output."""
    derivation = output.derivation
    return derivation.name if output.name == derivation.outputs[0] else f"{derivation.name}.{output.name}"


def lines(facts: dict[str, Any], indent: str = "") -> list[str]:
    """Return *facts* as lines of text: nested facts indented, empty ones omitted, long values cut."""
    width = max((len(name) for name, value in facts.items() if not isinstance(value, dict)), default=0)
    found = []
    for name, value in facts.items():
        if value in ({}, [], "", None):
            continue
        if isinstance(value, dict):
            found += [f"{indent}{name}", *lines(value, f"{indent}  ")]
        else:
            text = ", ".join(_line(it) for it in value) if isinstance(value, list) else _line(value)
            found.append(f"{indent}{name.ljust(width)}  {text}")
    return found


def _outputs(derivation: Derivation, place: Callable[[Output], str | None]) -> dict[str, str | None]:
    return {name: place(derivation.output(name)) for name in derivation.outputs}


def _line(value: object) -> str:
    """Return *value* on one line: a text of several lines as JSON, a long one cut."""
    text = str(value)
    shown = text[:LONGEST]
    shown = json.dumps(shown, ensure_ascii=False) if "\n" in text else shown
    return shown if len(text) <= LONGEST else f"{shown}… ({number(len(text), 'character')})"
