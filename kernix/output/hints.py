"""Commands in hints, ready to be typed: with the options that select the attribute.

`kernix.output.messages` prints errors and their hints.
"""

from __future__ import annotations

import contextlib
import shlex

from typing import TYPE_CHECKING, Any

import attrs
import click

from derivations.realise.execute import SeveralFailed
from derivations.realise.plan import plan
from derivations.realise.sandbox.run_builder import BuildFailed
from kernix.evaluation.inputs import SYSTEMS


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from derivations.derivation import Output
    from kernix.session import Session
    from store.errors import Error


@contextlib.contextmanager
def hinted(session: Session, outputs: Sequence[Output]) -> Iterator[None]:
    """Add to the error of a build of *outputs* inside the block the `kernix log` command that prints the log."""
    try:
        yield
    except BuildFailed as error:
        raise _hinted(error, session, outputs) from None
    except SeveralFailed as error:
        raise SeveralFailed(tuple(_hinted(it, session, outputs) for it in error.errors)) from None


def command_for(verb: str, attribute: str, words: Mapping[str, Any]) -> str:
    """Return the command that runs *verb* on *attribute*; *words* are the options of `kernix.options.evaluation`."""
    options = [word for it in words.get("overlays") or () for word in ("--overlay", it)]
    for option, name in (("-f", "file"), ("--lock", "lock"), ("--system", "system")):
        value = words.get(name)
        if value is not None and value != SYSTEMS[0]:
            options += [option, str(value)]
    return shlex.join(["kernix", verb, *options, attribute])


def _hinted(error: Error, session: Session, outputs: Sequence[Output]) -> Error:
    context = click.get_current_context(silent=True)
    if not isinstance(error, BuildFailed) or error.log is None or context is None:
        return error
    attribute = _attribute(error.name, session, outputs) or context.params.get("attribute")
    if attribute is None:
        return error
    command = f"`{command_for('log', attribute, context.params)}`"
    advice = f"{error.advice}; {command} prints the whole log" if error.advice else f"{command} prints the whole log"
    return attrs.evolve(error, advice=advice)


def _attribute(failed: str, session: Session, outputs: Sequence[Output]) -> str | None:
    """Return the user's name of the one among *outputs* that needs the derivation called *failed*."""
    named = [it for it in outputs if it.derivation.key in session.named]
    for output in named:
        if any(it.name == failed for it in plan([output], session.store.realised).build):
            return session.named[output.derivation.key]
    return None
