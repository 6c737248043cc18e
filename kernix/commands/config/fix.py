"""`kernix config fix`: find further options that make a request hold."""

from __future__ import annotations

import json
import re

from typing import TYPE_CHECKING

import click

from derivations.kconfig.comparison.upgrade import rows
from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.language.values import UNSET, Priority, force, option_name, read, written
from kernix.configs.repair import solve
from kernix.configs.resolved import kernel, resolve
from kernix.evaluation.definitions import definitions
from kernix.options import VerbCommand, attribute, evaluation, realisation
from kernix.output import table
from kernix.output.messages import print_message, warn
from kernix.output.quantities import number
from store.errors import Error, UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from derivations.kconfig.diagnosis.repair import Repair, Solution
    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Model
    from kernix.configs.resolved import Resolved
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


class NoSolution(Error):
    """Requests cannot be made to hold."""

    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join(self.reasons)

    @property
    def errors(self) -> tuple[NoSolution, ...]:
        """Return an error for each request."""
        return tuple(NoSolution((it,)) for it in self.reasons)


@click.command(cls=VerbCommand)
@attribute
@click.argument("assignments", metavar="[X=y…]", nargs=-1)
@evaluation
@realisation
@click.option("--json", "as_json", is_flag=True, help="Print the solution as JSON.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    attribute: str,
    assignments: tuple[str, ...],
    as_json: bool,
    options: Options,
    chosen: Chosen,
) -> None:
    """Find a minimal set of options that makes X=y hold in the kernel ATTR, and what each costs.

    Without X=y, solves for the options that ATTR requests and that do not hold. Paste the result into
    `extra_config`. It is exact: the kernel's own Kconfig has confirmed it, and every option in it is needed.
    If nothing helps, kernix says so. BROKEN, COMPILE_TEST and other architectures are never proposed.
    """
    with definitions(session, options) as names:
        found = resolve(session, attribute, kernel(names, attribute), chosen)
        given = dict(assignment(it, found.model) for it in assignments)
        solved = solve(session, found, given, chosen)
        if not found.is_requested:
            _prove(session, found, {**given, **solved.best.options}, chosen)
    if as_json:
        click.echo(
            json.dumps({"asked": {name: written(it) for name, it in given.items()}, **solved.to_json()}, indent=2)
        )
    else:
        _show(solved, given, found.merged_requests.requests)
    if solved.unsolved:
        raise NoSolution(tuple(str(it) for it in solved.unsolved))


def assignment(text: str, model: Model) -> tuple[str, Value]:
    """Parse *text*, such as `KGDB=y`, into an option and its value.

    A shell removes quotation marks, so they may be missing if the option is a string in *model*.

    Raises:
        UsageError: it is not of this form.
    """
    match = re.fullmatch(r"(\w+)=(.*)", text, re.ASCII)
    if match is None:
        message = f"{text!r} is not of the form X=y"
        raise UsageError(message, "write the option, an equals sign, and y, m, n, a number or a string")
    try:
        name = option_name(match[1])
        symbol = model.get(name)
        if symbol is not None and symbol.type == "string" and not match[2].startswith('"'):
            return name, match[2]
        return name, read(match[2])
    except ValueError as error:
        message = f"{text!r}: {error}"
        raise UsageError(message) from None


def _prove(session: Session, found: Resolved, fragment: Mapping[str, Value], chosen: Chosen) -> None:
    """Resolve the whole kernel, hardware included, with the *fragment*, and warn of options that do not hold."""
    again = resolve(session, found.name, found.kernel.override(extra_config=dict(fragment)), chosen)
    diagnoses = [it for it in diagnose(again.merged_requests, again.model, again.values) if it.option in fragment]
    if wrong := [it.option for it in diagnoses if not it.holds]:
        warn(f"in the whole kernel, {number(len(wrong), 'option does', 'options do')} not hold: {', '.join(wrong)}")


def _show(solved: Repair, given: Mapping[str, Value], requests: Mapping[str, Request]) -> None:
    if solved.best.assignments:
        click.echo("\n".join(_mapping(solved.best, given, requests)))
    elif not solved.unsolved:
        print_message("nothing else is needed")
        if given:
            click.echo("\n".join(_mapping(solved.best, given, requests)))
    for way in solved.alternatives:
        click.echo(f"\n# or, with {number(way.changes, 'other option changed', 'other options changed')}:")
        click.echo("\n".join(_mapping(way, given, requests)))


def _mapping(way: Solution, given: Mapping[str, Value], requests: Mapping[str, Request]) -> Iterator[str]:
    """Yield the lines of a mapping that requests *given* and the options that it needs, each with its cost.

    Options for which *requests* have another value are forced, because they would contradict each other.
    """
    costs = {it.option: number(it.cost, "other option changes", "other options change") for it in way.assignments}
    yield "extra_config = {"
    for options in (given, way.options):
        over = {name: requests[name] for name, value in options.items() if _is_against(requests.get(name), value)}
        asked = {name: force(value) if name in over else value for name, value in options.items()}
        comments = [
            ", ".join(
                filter(None, (costs.get(name, ""), over[name].origin.place and f"over {over[name].origin.place}"))
            )
            if name in over
            else costs.get(name, "")
            for name in sorted(options)
        ]
        yield from (f"    {it}" for it in _commented(rows(asked), comments))
    yield "}"


def _is_against(request: Request | None, value: Value) -> bool:
    return request is not None and request.priority is Priority.PLAIN and request.value not in {value, UNSET}


def _commented(lines: Sequence[str], comments: Sequence[str]) -> list[str]:
    return table.rows(
        [(line, f"# {comment}" if comment else "") for line, comment in zip(lines, comments, strict=True)]
    )
