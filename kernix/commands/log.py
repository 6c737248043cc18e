"""`kernix log`: print the log of a build, finished or running."""

from __future__ import annotations

import codecs
import sys

from typing import TYPE_CHECKING

import attrs
import click

from derivations.realise.plan import plan
from derivations.realise.sandbox.follow_log import running_log
from derivations.realise.sandbox.log import log_path, read_log
from kernix.building import present
from kernix.evaluation.definitions import targets
from kernix.evaluation.drvs import deriver, load
from kernix.evaluation.objects import by_path
from kernix.options import VerbCommand, complete_attributes, evaluation
from kernix.output.messages import print_message
from kernix.output.printable import below
from store.registration import ObjectMissing


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from derivations.derivation import Derivation
    from derivations.realise.sandbox.follow_log import RunningLog
    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@attrs.frozen
class _Found:
    """The derivation whose log is requested, and that log if its builder is running."""

    derivation: Derivation
    running: RunningLog | None = None


@click.command(cls=VerbCommand)
@click.argument("name", metavar="ATTR|PATH", shell_complete=complete_attributes)
@click.option("-F", "--follow", is_flag=True, help="Keep printing what a running builder writes, until it ends.")
@evaluation
@click.option("--raw", is_flag=True, help="Print the bytes as the builder wrote them, including control characters.")
@click.pass_obj
def command(session: Session, /, *, name: str, follow: bool, raw: bool, options: Options) -> None:
    r"""Print the build log of ATTR, or of the store object PATH.

    If ATTR is not built, this is the log of its dependency that is being built now, or that failed last.
    Control characters are shown as `\u001b`, so that a log cannot control your terminal.
    """
    found = _find(session, options, name)
    derivation = found.derivation
    if found.running is None:
        log = read_log(session.layout.logs, derivation.key, derivation.name)
        if not log:
            print_message(f"the builder of {derivation.name} wrote nothing")
        _print([log], raw)
        return
    with found.running as log_of_now:
        if follow:
            _print(log_of_now.to_the_end(), raw)
        else:
            _print(log_of_now.so_far(), raw)
            print_message(f"the builder of {derivation.name} is still running; --follow keeps printing its output")


def _find(session: Session, options: Options, name: str) -> _Found:
    """Return the derivation whose builder wrote the log of *name*."""
    store, logs = session.existing_store(), session.layout.logs
    if (path := by_path(session, name)) is not None:
        if store is None:
            raise ObjectMissing(path)
        return _Found(load(store, deriver(store, path)))
    output = targets(session, options, [name])[0].output
    wanted = output.derivation
    if store is None:
        return _Found(wanted)
    todo = plan([output], store.realised).build
    for each in reversed(todo):
        if (running := running_log(logs, each.key)) is not None:
            return _other(name, wanted, _Found(each, running))
    if todo and (last := _last(logs, todo)) is not None:
        return _other(name, wanted, _Found(last))
    if not log_path(logs, wanted.key).exists():
        # A result that was reused because of equal inputs was built, and logged, for another derivation.
        made = present(session, [output]).get(output)
        if made is not None and store.info(made).deriver is not None:
            return _Found(load(store, deriver(store, made)))
    return _Found(wanted)


def _last(logs: Path, derivations: Iterable[Derivation]) -> Derivation | None:
    """Return the one of *derivations* with the newest log, None if there is no log."""
    times = {}
    for each in derivations:
        try:
            times[each] = log_path(logs, each.key).stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return max(times, key=times.__getitem__, default=None)


def _other(name: str, wanted: Derivation, found: _Found) -> _Found:
    """Return *found*, and report it if it is not *wanted* but a dependency of it."""
    if found.derivation != wanted:
        print_message(f"{name} is not built; this is the log of {found.derivation.name}, which it needs")
    return found


def _print(pieces: Iterable[bytes], raw: bool) -> None:
    """Print *pieces* as they arrive; unless *raw*, made printable."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="backslashreplace")
    for piece in pieces:
        if raw:
            click.echo(piece, file=below(sys.stdout), nl=False)
        else:
            click.echo(decoder.decode(piece).replace("\r\n", "\n"), nl=False)
        sys.stdout.flush()
