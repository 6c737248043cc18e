"""`kernix config check`: report the outcome of every requested option."""

from __future__ import annotations

import json

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from derivations.hardware.trim import FRAGMENT as TRIM
from derivations.linux.configuration import other_directory
from derivations.version import check_tree
from kernix.configs.repair import advised
from kernix.configs.resolved import kernel, resolve
from kernix.evaluation.definitions import definitions
from kernix.options import VerbCommand, attribute, evaluation, realisation
from kernix.output.quantities import number
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from derivations.kconfig.diagnosis.base import Missed
    from derivations.kconfig.diagnosis.outcome import Diagnosis
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


_BASE_LINES = 40
"""How many lines about a base are shown without `--all`: about a screen."""


class NotHeld(Error):
    """Options do not have the requested values."""

    attribute: str
    options: tuple[str, ...]

    def __str__(self) -> str:
        count = number(len(self.options), "option does", "options do")
        return f"{count} not have the value that `{self.attribute}` requests: {', '.join(self.options)}"

    @property
    def hint(self) -> str:
        """Name the command that finds a solution."""
        return f"`kernix config fix {self.attribute}` looks for the options that they need"


class BaseLinesNotHeld(Error):
    """Lines of a base do not hold, although it is strict."""

    attribute: str
    file: str
    count: int

    def __str__(self) -> str:
        count = number(self.count, f"line of {self.file} does", f"lines of {self.file} do")
        return f"{count} not hold, and `{self.attribute}` has a strict base"

    @property
    def hint(self) -> str:
        """Say how to resolve this."""
        return "fix the file, request other values in extra_config, or drop strict_base"


@click.command(cls=VerbCommand)
@attribute
@evaluation
@realisation
@click.option("--all", "everything", is_flag=True, help="List requests that hold, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome of every request as JSON.")
@click.pass_obj
def command(
    session: Session, /, *, attribute: str, everything: bool, as_json: bool, options: Options, chosen: Chosen
) -> None:
    """Report the outcome of every option that the kernel ATTR requests.

    A request is held, selected, shadowed by another fragment, clamped to a range, changed by a choice, blocked,
    absent from this version or architecture, unknown, or of the wrong type. For a whole .config that must hold to
    the last line, every line that would change is listed; for a file that the configuration starts from
    (`base=FILE`), every line that does not hold. The exit code is 1 if a request that is not optional does not
    hold, or, with `strict_base`, a line of the base; it is 100 if `version` is not the version of the source.
    """
    with definitions(session, options) as names:
        found = resolve(session, attribute, kernel(names, attribute), chosen)
        diagnoses = advised(session, found, found.diagnoses(session, chosen), chosen)
        missed = found.missed(session, chosen)
    if as_json:
        click.echo(json.dumps([*(it.to_json() for it in diagnoses), *_base_facts(missed)], indent=2))
    else:
        click.echo("\n".join([*_base_lines(missed, everything=everything), *_lines(diagnoses, everything=everything)]))
    arguments = found.kernel.arguments
    check_tree(attribute, arguments.version, found.model.version, other_directory(arguments))
    if failing := tuple(it.option for it in diagnoses if it.fails):
        raise NotHeld(attribute, failing)
    if missed is not None and missed.count and arguments.strict_base and not arguments.ignore_config_errors:
        raise BaseLinesNotHeld(attribute, missed.base.file, missed.count)


def _base_lines(missed: Missed | None, *, everything: bool) -> Iterator[str]:
    """Yield human-readable lines about the requests of a base that do not hold."""
    if missed is None or not missed.count:
        return
    base = missed.base
    lines = [*base.unread, *(line for it in missed.diagnoses for line in f"{it.outcome.value}: {it.text}".splitlines())]
    shown = lines if everything else lines[:_BASE_LINES]
    yield f"lines of the base {base.file} that do not hold:"
    yield from (f"  {it}" for it in shown)
    if len(lines) > len(shown):
        yield f"  … and {number(len(lines) - len(shown), 'more line')}; --all lists them"
    counts = Counter(it.outcome.value for it in missed.diagnoses)
    words = [f"{count} {outcome}" for outcome, count in counts.most_common()]
    words += [f"{len(base.unread)} not read"] if base.unread else []
    words += [f"{missed.overridden} overridden by requests"] if missed.overridden else []
    yield f"{base.file}: {number(len(base.requests) + len(base.unread), 'line')}, of which {', '.join(words)}"
    yield ""


def _base_facts(missed: Missed | None) -> Iterator[dict[str, Any]]:
    """Yield the requests of a base that do not hold, for JSON."""
    if missed is None:
        return
    for it in missed.base.unread:
        yield {"base": missed.base.file, "outcome": "unread", "holds": False, "reason": it}
    for diagnosis in missed.diagnoses:
        yield {"base": missed.base.file, **diagnosis.to_json()}


def _lines(diagnoses: Sequence[Diagnosis], *, everything: bool) -> Iterator[str]:
    """Yield human-readable lines about *diagnoses*: failures come last, nearest to the prompt."""
    for it in sorted(diagnoses, key=lambda it: it.fails):
        if everything or not it.holds or it.suggestion or _does_nothing(it):
            yield f"{it.outcome.value}: {it.text}"
    counts = Counter(it.outcome for it in diagnoses)
    outcomes = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.most_common())
    yield f"{number(len(diagnoses), 'request')}: {outcomes}" if diagnoses else "no requests"
    if dropped := sum(it.request.origin.fragment == TRIM for it in diagnoses):
        yield f"{number(dropped, 'of these is a module', 'of these are modules')} that only_hardware drops"


def _does_nothing(diagnosis: Diagnosis) -> bool:
    """Return whether a request holds only because there is no such option: perhaps it means another one."""
    return diagnosis.got is None and not diagnosis.request.optional
