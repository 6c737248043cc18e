"""`kernix build --check` and `--rounds`: build again, compare, report."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil

from typing import TYPE_CHECKING, Any

import click

from kernix.building import progress
from kernix.output.messages import print_message, warn
from kernix.output.printable import one_line
from kernix.output.quantities import duration, number
from kernix.output.reproducibility import causes, facts, report


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from derivations.proof.conditions import Conditions
    from derivations.realise.proof.again import Compared, Round
    from kernix.evaluation.inputs import Options
    from kernix.session import Session
    from store.local import Store


_PATIENCE = 3600.0  # seconds that diffoscope may take: it unpacks and disassembles everything


def check(
    session: Session,
    options: Options,
    outputs: Sequence[Output],
    rounds: int | None,
    *,
    as_json: bool,
    **chosen: Any,  # noqa: ANN401 -- the options of `kernix.options.realisation`
) -> None:
    """Build the derivations of *outputs* again, as usual or in so many *rounds* under other conditions, and report.

    Raises:
        NotReproducible: something came out differently.
        Error: a build failed.
    """
    from derivations.realise.proof.again import NotReproducible  # noqa: PLC0415 -- start-up: only to build again

    found: list[tuple[str, Round]] = []
    for derivation in dict.fromkeys(it.derivation for it in outputs):
        found += [(derivation.name, it) for it in _again(session, options, derivation, rounds, chosen, quiet=as_json)]
    if as_json:
        click.echo(json.dumps([facts(name, it, session.store.path) for name, it in found], indent=2))
    differing = [(name, it) for name, round_ in found for it in round_.outputs if not it.equal]
    if differing:
        name = differing[0][0]
        ours = [it for other, it in differing if other == name]
        known = [cause for cause in causes(ours) if cause.name != "build id"]
        remedy = f"{known[0].name}: {known[0].remedy}" if known else None
        outputs_ = tuple(dict.fromkeys(it.output for it in ours))
        raise NotReproducible(name, max(it.total for it in ours), outputs_, remedy)


def _again(
    session: Session,
    options: Options,
    derivation: Derivation,
    rounds: int | None,
    chosen: Mapping[str, Any],
    *,
    quiet: bool,
) -> list[Round]:
    from derivations.proof.conditions import USUAL  # noqa: PLC0415 -- as above
    from derivations.realise.proof.again import again  # noqa: PLC0415 -- as above

    store, settings = session.store, session.settings(**chosen)
    found = []
    with progress() as listener:
        conditions: Sequence[Conditions] = (USUAL,)
        if rounds is not None:
            from derivations.realise.proof.tools import variations  # noqa: PLC0415 -- as above

            clock = _clock(session, options)
            varied = variations(store, derivation, rounds, clock=clock, settings=settings, listener=listener)
            conditions = varied.rounds
            for text in varied.missing:
                warn(text)
        for round_ in again(store, derivation, conditions, settings, listener):
            found.append(round_)
            if round_.equal:
                print_message(
                    f"{derivation.name} is the same: built again under {round_.conditions} in {duration(round_.seconds)}"
                )
    differing = [it for it in found if not it.equal]
    for round_ in differing if not quiet else ():
        _show(store, derivation.name, round_)
    if len(found) > 1 and not differing:
        print_message(f"{derivation.name} came out the same in {number(len(found), 'round')}")
    return found


def _show(store: Store, name: str, round_: Round) -> None:
    for line in report(name, round_, store.path):
        click.echo(one_line(line))
    for it in round_.outputs:
        if (place := _diffoscope(store, name, it)) is not None:
            click.echo(f"{it.output}: diffoscope's report is {one_line(place)}")


def _clock(session: Session, options: Options) -> Output | None:
    """Return the root file system with libfaketime, if the lock pins it."""
    from pathlib import Path  # noqa: PLC0415 -- as above

    from derivations.debian.rootfs import root_file_system  # noqa: PLC0415 -- as above
    from kernix.evaluation.inputs import find_lock  # noqa: PLC0415 -- as above
    from kernix.lockfile import read  # noqa: PLC0415 -- as above

    place = find_lock(options.lock, Path.cwd(), lambda: session.config_home)
    if not place.exists():
        return None
    lock = read(place)
    return root_file_system("faketime", lock).out if "faketime" in lock.sets else None


def _diffoscope(store: Store, name: str, compared: Compared) -> Path | None:
    """Let diffoscope, if it is installed, write a report on both results, and return its path."""
    program = shutil.which("diffoscope")
    if program is None or compared.other is None:
        return None
    from derivations.realise.supervised import RunTimedOut, run  # noqa: PLC0415 -- as above

    directory = store.layout.failed
    directory.mkdir(mode=0o700, exist_ok=True)
    names = (directory / f"{name}-{compared.output}-diffoscope-{count}.txt" for count in itertools.count(1))
    place = next(it for it in names if not it.exists())
    sides = [str(store.path(it)) for it in (compared.result, compared.other)]
    print_message(f"diffoscope compares {compared.output}")
    with contextlib.suppress(RunTimedOut):
        run([program, "--text", str(place), "--exclude-directory-metadata=yes", *sides], timeout=_PATIENCE)
    return place if place.exists() else None
