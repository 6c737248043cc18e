"""`kernix list`: list the available kernels."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import attrs
import click

from derivations.debian.lock import MissingSet
from derivations.linux.kernel import UnsupportedSystem
from kernix.evaluation.attributes import follow, is_definition, output_of
from kernix.evaluation.definitions import definitions
from kernix.lockfile import NoLock, refuse
from kernix.options import VerbCommand, evaluation
from kernix.output.table import rows


if TYPE_CHECKING:
    from collections.abc import Mapping

    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@attrs.frozen
class _Row:
    """The row of one attribute."""

    attribute: str
    version: str | None
    description: str


@click.command(cls=VerbCommand)
@evaluation
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_obj
def command(session: Session, /, *, as_json: bool, options: Options) -> None:
    """List the available kernels, with their versions and descriptions."""
    with definitions(session, options, refuse) as names:
        found = [_row(names, name) for name in names]
    if as_json:
        click.echo(json.dumps([attrs.asdict(row) for row in found], indent=2))
    else:
        for line in rows([(row.attribute, row.version or "", row.description) for row in found]):
            click.echo(line)


def _row(names: Mapping[str, Any], name: str) -> _Row:
    try:
        value = follow(names, name)
        version = getattr(value, "version", None)
    except NoLock as error:
        # Listing kernels does not create a lock.
        return _Row(name, None, f"unknown until there is a lock: `{error.command}` creates one")
    except MissingSet as error:
        return _Row(name, None, f"not in the lock: {error.hint}")
    except UnsupportedSystem as error:
        return _Row(name, None, f"for {', '.join(error.systems)} only")
    if not is_definition(value):
        return _Row(name, None, "a set of attributes")
    return _Row(name, version, getattr(value, "description", None) or _described(value))


def _described(value: object) -> str:
    output = output_of(value)
    return output.derivation.hints.description or output.derivation.name if output is not None else ""
