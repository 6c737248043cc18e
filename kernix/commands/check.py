"""`kernix check`: report hardware that a kernel lacks support for, or requirements that it does not meet."""

from __future__ import annotations

import json
import os

from typing import TYPE_CHECKING

import click

from derivations.hardware.coverage import FindingKind, coverage
from derivations.hardware.firmware import package_of
from derivations.hardware.userland import lacking
from derivations.kconfig.requirements.requirement_set import NAMES, requires
from kernix.configs.requirements import fragment, report
from kernix.configs.resolved import kernel, resolve
from kernix.evaluation.definitions import definitions
from kernix.machine.driver_tree import read_files, tree_of
from kernix.machine.sysfs import this_machine
from kernix.options import PATH, VerbCommand, attribute, evaluation, realisation
from kernix.output.quantities import number
from store.errors import Error, UsageError


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from derivations.hardware.coverage import Finding
    from derivations.hardware.userland import Lack
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


class HardwareUnsupported(Error):
    """A kernel lacks support for hardware of a machine."""

    attribute: str
    count: int

    def __str__(self) -> str:
        return f"`{self.attribute}` lacks support for {number(self.count, 'thing')} that the machine needs"

    @property
    def hint(self) -> str:
        """Say how to define a kernel that has it."""
        return "make_linux(…, hardware=FILE) and .override(hardware=FILE) request what the snapshot in FILE needs"


@click.command(cls=VerbCommand)
@attribute
@click.option("--machine", "files", type=PATH, multiple=True, metavar="FILE",
              help="Check for the machine of this snapshot or listing rather than this one. May be repeated.")  # fmt: skip
@click.option(
    "--requires",
    "sets",
    multiple=True,
    metavar="SET",
    help="Check requirements of programs and systems instead: " + ", ".join(NAMES) + ". May be repeated.",
)
@click.option("--all", "everything", is_flag=True, help="With --requires: list what holds or does not apply, too.")
@click.option(
    "--fragment",
    "as_fragment",
    is_flag=True,
    help="With --requires: print a Python fragment that meets the requirements.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@evaluation
@realisation
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    attribute: str,
    files: tuple[Path, ...],
    sets: tuple[str, ...],
    everything: bool,
    as_fragment: bool,
    as_json: bool,
    options: Options,
    chosen: Chosen,
) -> None:
    """Report hardware that the kernel ATTR lacks support for, before it is booted.

    The report lists devices and file systems without a driver; modules that the root file system needs from an
    initramfs; built-in drivers without their firmware; devices that no driver of this tree supports; and what an
    ordinary userland needs but the kernel lacks. Only the configuration is made: nothing is compiled. The exit code
    is 1 if a driver is missing, or if no program could run.

    With --requires, the report says which options of requirement sets hold and, for the others, what keeps them
    from holding. The exit code is 1 if one does not hold.
    """
    if sets:
        if files:
            message = "--requires and --machine exclude each other"
            raise UsageError(message)
        found = [requires(it) for it in dict.fromkeys(sets)]
        with definitions(session, options) as names:
            resolved = resolve(session, attribute, kernel(names, attribute), chosen)
        if as_fragment:
            click.echo(fragment(session, resolved, found, chosen))
        else:
            report(resolved, found, everything=everything, as_json=as_json)
        return
    if everything or as_fragment:
        message = "--all and --fragment need --requires"
        raise UsageError(message)
    snapshot = (read_files(files) if files else this_machine("this machine")).checked()
    with definitions(session, options) as names:
        tree = tree_of(session, attribute, kernel(names, attribute), chosen)
    findings = coverage(snapshot, tree.drivers, tree.resolved.model, tree.resolved.values)
    # Listings do not contain the number of processors of their machines.
    lacks = lacking(tree.resolved.values, 1 if files else os.cpu_count() or 1)
    if as_json:
        click.echo(json.dumps([*map(_facts, findings), *map(_lack_facts, lacks)], indent=2))
    else:
        click.echo("\n".join([*_lack_lines(lacks), *_lines(findings, len(snapshot.facts))]))
    if fatal := sum(it.is_fatal for it in findings) + sum(it.is_fatal for it in lacks):
        raise HardwareUnsupported(attribute, fatal)


def _lack_lines(lacks: Iterable[Lack]) -> Iterator[str]:
    found = list(lacks)
    if found:
        yield "missing for an ordinary userland:"
        yield from (f"  {it}" for it in found)


def _lack_facts(it: Lack) -> dict[str, object]:
    return {
        "trouble": "userland",
        "fatal": it.is_fatal,
        "fact": it.option,
        "name": it.option,
        "seen": [],
        "modules": [],
        "options": [it.option],
        "firmware": {},
        "reason": it.reason,
    }


def _lines(findings: Iterable[Finding], facts: int) -> Iterator[str]:
    found = list(findings)
    for trouble in FindingKind:
        group = [it for it in found if it.kind is trouble]
        if group:
            yield f"{trouble.value}:"
            for it in group:
                yield f"  {it}" + (f"  [{', '.join(it.seen)}]" if it.seen else "")
    served = facts - len({it.fact for it in found})
    yield f"{served} of {number(facts, 'hardware fact')} {'is' if facts == 1 else 'are'} covered"


def _facts(it: Finding) -> dict[str, object]:
    return {
        "trouble": it.kind.name.lower(),
        "fatal": it.is_fatal,
        "fact": str(it.fact),
        "name": it.fact.name,
        "seen": list(it.seen),
        "modules": list(it.modules),
        "options": list(it.options),
        "firmware": {file: str(package_of(file) or "") for file in it.files},
        "reason": it.reason,
    }
