"""Options and arguments that several verbs share, and their shell completion."""

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
    from collections.abc import Callable, Iterable, Mapping

    from click.formatting import HelpFormatter
    from click.shell_completion import CompletionItem


Verb: TypeAlias = "Callable[..., None]"

Chosen: TypeAlias = "Mapping[str, Any]"
"""The user's choices about how to build, by option; None means no choice."""

_REALISATION = (
    "jobs",
    "cores",
    "keep_going",
    "keep_failed",
    "offline",
    "timeout",
    "max_silent_time",
    "clean",
    "no_caches",
)


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
    """Return the attributes that begin with *incomplete*; nothing if they cannot be determined at once."""
    from kernix.evaluation.completion import attributes  # noqa: PLC0415 -- start-up: only a shell asks

    return attributes(ctx.params, incomplete, os.environ)


def complete_overlays(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the bundled overlays that begin with *incomplete*; the shell adds files."""
    from kernix.evaluation.completion import overlays  # noqa: PLC0415 -- start-up: only a shell asks

    return overlays(incomplete)


PATH = click.Path(path_type=Path)


class SharedOption(click.Option):
    """An option that many verbs have: named in the help of each, explained by `kernix help options`."""


class VerbCommand(click.Command):
    """A verb whose help explains its own options and only names the shared ones."""

    def format_options(self, ctx: click.Context, formatter: HelpFormatter) -> None:
        """Write the options."""
        write_options(
            formatter,
            "Options",
            [it for it in self.get_params(ctx) if isinstance(it, click.Option) and not isinstance(it, SharedOption)],
            ctx,
        )
        shared = [it.opts[-1] for it in self.params if isinstance(it, SharedOption)]
        if shared:
            with formatter.section("Shared options, explained by `kernix help options`"):
                formatter.write_text(" ".join(shared))


def write_options(
    formatter: HelpFormatter, heading: str, options: Iterable[click.Parameter], ctx: click.Context
) -> None:
    """Write a section with the help of *options*."""
    if records := [record for it in options if (record := it.get_help_record(ctx)) is not None]:
        with formatter.section(heading):
            formatter.write_dl(records)


def shared_options() -> dict[str, list[click.Parameter]]:
    """Return the options that many verbs share, by topic."""
    about = {"Where definitions come from": evaluation, "How to build": realisation}
    return {heading: click.command()(decorate(lambda: None)).params for heading, decorate in about.items()}


def evaluation(function: Verb) -> Verb:
    """Give a verb the options that select attributes, passed together as its argument *options*."""

    @functools.wraps(function)
    def verb(file: Path | None, overlays: tuple[str, ...], lock: Path | None, system: str, **others: object) -> None:
        offline = bool(others.get("offline"))
        options = Options(file=file, overlays=overlays, lock=lock, system=system, offline=offline)
        select(options, _only(others))
        function(options=options, **others)

    for option in reversed((
        click.option("-f", "--file", cls=SharedOption, type=PATH, metavar="FILE", help="Read definitions from this Python file."),
        click.option("--overlay", "overlays", cls=SharedOption, multiple=True, metavar="FILE", shell_complete=complete_overlays,
                     help="Apply this overlay: a file, or the name of a bundled one. May be repeated."),
        click.option("--lock", cls=SharedOption, type=PATH, metavar="FILE",
                     help="Use this lock instead of ./kernix.lock or ~/.config/kernix/kernix.lock."),
        click.option("--system", cls=SharedOption, type=click.Choice(SYSTEMS), default=SYSTEMS[0], metavar="SYSTEM",
                     help=f"Build kernels for this system. [default: {SYSTEMS[0]}; also: {', '.join(SYSTEMS[1:])}]"),
    )):  # fmt: skip
        verb = option(verb)
    return verb


def _only(given: Mapping[str, object]) -> object:
    """Return the only attribute among the arguments *given* to a verb; None if there are none or several."""
    several = given.get("attributes") or given.get("objects")
    if isinstance(several, tuple):
        return several[0] if len(several) == 1 else None
    return given.get("attribute") or given.get("subject")


def realisation(function: Verb, *, without: Iterable[str] = ()) -> Verb:
    """Give a verb the options for building, passed together as its argument *chosen*; *without* those it has itself."""
    left_out = frozenset(without)

    @functools.wraps(function)
    def verb(**others: object) -> None:
        chosen = {name: others.pop(name) for name in _REALISATION if name not in left_out}
        function(chosen=chosen, **others)

    for option in reversed((
        click.option("-j", "--jobs", cls=SharedOption, type=click.IntRange(1), metavar="N", help="Run N builders at once."),
        click.option("--cores", cls=SharedOption, type=click.IntRange(0), metavar="N",
                     help="Let each builder use N processors; 0 means all."),
        click.option("-k", "--keep-going", cls=SharedOption, is_flag=True, default=None,
                     help="After a failure, build everything that does not depend on it."),
        click.option("-K", "--keep-failed", cls=SharedOption, is_flag=True, default=None,
                     help="Keep the directory of a failed build."),
        click.option("--offline", cls=SharedOption, is_flag=True, default=None, help="Never use the network."),
        click.option("--no-caches", cls=SharedOption, is_flag=True, default=None,
                     help="Look nothing up in caches: build what is not in the store."),
        click.option("--timeout", cls=SharedOption, type=Duration(), help="Stop a builder after this time (such as `2h`)."),
        click.option("--max-silent-time", cls=SharedOption, type=Duration(),
                     help="Stop a builder that writes nothing for this time (such as `30m`)."),
        click.option("--clean", cls=SharedOption, is_flag=True, default=None,
                     help="Compile kernels from scratch: use no compile cache, start from no kept object tree, and keep none."),
    )):  # fmt: skip
        verb = option(verb)
    given: list[click.Parameter] = verb.__click_params__  # type: ignore[attr-defined]
    verb.__click_params__ = [  # type: ignore[attr-defined]
        it for it in given if not (isinstance(it, SharedOption) and it.name in left_out)
    ]
    return verb


def attribute(function: Verb) -> Verb:
    """Give a verb one attribute as its argument."""
    return click.argument("attribute", metavar="ATTR", shell_complete=complete_attributes)(function)


def attributes(function: Verb) -> Verb:
    """Give a verb one or more attributes as its arguments."""
    return click.argument(
        "attributes", metavar="ATTR…", nargs=-1, required=True, shell_complete=complete_attributes
    )(function)  # fmt: skip


def objects(function: Verb) -> Verb:
    """Give a verb one or more store objects, named by path or attribute, as its arguments."""
    return click.argument(
        "objects", metavar="PATH|ATTR…", nargs=-1, required=True, shell_complete=complete_attributes
    )(function)  # fmt: skip
