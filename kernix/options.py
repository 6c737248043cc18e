"""Options and arguments that several verbs have, and how the shell completes them."""

from __future__ import annotations

import functools
import os

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from kernix.evaluation.inputs import SYSTEMS, Options
from kernix.evaluation.selection import select
from kernix.output.quantities import parse_size, parse_time


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from click.shell_completion import CompletionItem


Verb: TypeAlias = "Callable[..., None]"

Chosen: TypeAlias = "Mapping[str, Any]"
"""What the user chose about how to build; None stands for no choice."""

_REALISATION = ("jobs", "cores", "keep_going", "keep_failed", "offline", "timeout", "max_silent_time")


class Duration(click.ParamType[float]):
    """A length of time: seconds, or a number with a unit."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401 -- click's signature
        """Return the seconds that *value* means."""
        try:
            return parse_time(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Size(click.ParamType[int]):
    """A number of bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 -- click's signature
        """Return the bytes that *value* means."""
        try:
            return parse_size(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def complete_attributes(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the attributes that begin with *incomplete*; nothing if they cannot be told at once."""
    from kernix.evaluation.completion import attributes  # noqa: PLC0415 -- start-up: only a shell asks

    return attributes(ctx.params, incomplete, os.environ)


def complete_overlays(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the bundled overlays that begin with *incomplete*, and let the shell add files."""
    from kernix.evaluation.completion import overlays  # noqa: PLC0415 -- start-up: only a shell asks

    return overlays(incomplete)


PATH = click.Path(path_type=Path)


def evaluation(function: Verb) -> Verb:
    """Give a verb the options that say where attributes come from, together as its argument *options*."""

    @functools.wraps(function)
    def verb(file: Path | None, overlays: tuple[str, ...], lock: Path | None, system: str, **others: object) -> None:
        offline = bool(others.get("offline"))
        options = Options(file=file, overlays=overlays, lock=lock, system=system, offline=offline)
        select(options, _only(others))
        function(options=options, **others)

    for option in reversed((
        click.option("-f", "--file", type=PATH, help="Take attributes from this Python file."),
        click.option("--overlay", "overlays", multiple=True, metavar="FILE", shell_complete=complete_overlays,
                     help="Lay the overlay of this file, or a bundled one, over the set."),
        click.option("--lock", type=PATH, help="Use this lock instead of ./kernix.lock or your own."),
        click.option("--system", type=click.Choice(SYSTEMS), default=SYSTEMS[0], help="Build kernels for this system."),
    )):  # fmt: skip
        verb = option(verb)
    return verb


def _only(given: Mapping[str, object]) -> object:
    """Return the one attribute among the arguments *given* to a verb; None if there is none, or are several."""
    several = given.get("attributes") or given.get("objects")
    if isinstance(several, tuple):
        return several[0] if len(several) == 1 else None
    return given.get("attribute") or given.get("subject")


def realisation(function: Verb) -> Verb:
    """Give a verb the options that say how to build, together as its argument *chosen*."""

    @functools.wraps(function)
    def verb(**others: object) -> None:
        chosen = {name: others.pop(name) for name in _REALISATION}
        function(chosen=chosen, **others)

    for option in reversed((
        click.option("-j", "--jobs", type=click.IntRange(1), help="Run so many builders at once."),
        click.option("--cores", type=click.IntRange(0), help="Let each builder use so many processors; 0 for all."),
        click.option("-k", "--keep-going", is_flag=True, default=None, help="After a failure, build what else can be built."),
        click.option("-K", "--keep-failed", is_flag=True, default=None, help="Keep the directory of a failed build."),
        click.option("--offline", is_flag=True, default=None, help="Fetch nothing."),
        click.option("--timeout", type=Duration(), help="Stop a builder after so long (`2h`)."),
        click.option("--max-silent-time", type=Duration(), help="Stop a builder that says nothing for so long (`30m`)."),
    )):  # fmt: skip
        verb = option(verb)
    return verb


def attribute(function: Verb) -> Verb:
    """Give a verb one attribute."""
    return click.argument("attribute", metavar="ATTR", shell_complete=complete_attributes)(function)


def attributes(function: Verb) -> Verb:
    """Give a verb one attribute or more."""
    return click.argument(
        "attributes", metavar="ATTR…", nargs=-1, required=True, shell_complete=complete_attributes
    )(function)  # fmt: skip


def objects(function: Verb) -> Verb:
    """Give a verb one store object or more, named by path or attribute."""
    return click.argument(
        "objects", metavar="PATH|ATTR…", nargs=-1, required=True, shell_complete=complete_attributes
    )(function)  # fmt: skip
