"""The process that proves one result, with the log as its output."""

from __future__ import annotations

import contextlib
import json
import os
import time

from typing import TYPE_CHECKING

from derivations.realise.proof.fast import prove_fast
from kernix import interruption
from kernix.building import progress
from kernix.evaluation.drvs import load
from kernix.output.messages import print_message, report_end
from kernix.output.quantities import duration
from kernix.output.reproducibility import report
from kernix.proof.announce import sentences
from kernix.session import Session
from store.path import StorePath


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.realise.proof.prove import Proof
    from store.layout import Layout


LOWEST = 19


def main(text: str) -> None:
    """Serve the request *text* (`kernix.proof.begin.Request`) and exit."""
    os.chdir("/")
    os.nice(LOWEST)
    interruption.install()
    code: int | None = 0
    try:
        with interruption.interrupt_after_signal():
            request = json.loads(text)
            _run(StorePath.parse(request["drv"]), request["trees"], request["settings"])
    except BaseException as error:
        if (code := report_end(interruption.cause_of(error))) is None:
            raise
    raise SystemExit(code)


def _run(drv: StorePath, trees: Sequence[str], settings: dict[str, float | bool]) -> None:
    session = Session(os.environ)
    try:
        store = session.store
        derivation = load(store, drv)
        print_message(f"{time.strftime('%Y-%m-%d %H:%M:%S')}: proving {derivation.name}")

        def report_outcome(proof: Proof) -> None:
            if not proof.holds:
                _forget_answers(session.layout)
            print_message("\n".join(_outcome(derivation.name, proof, session)))

        with progress() as listener:
            prove_fast(store, derivation, trees, session.settings(**settings), listener, report=report_outcome)
    finally:
        session.close()


def _outcome(name: str, proof: Proof, session: Session) -> list[str]:
    if proof.holds:
        return [f"{name} is the same: built again cleanly in {duration(proof.round.seconds)}"]
    place = session.store.path
    return [*sentences(name, proof.withdrawn, proof.spoilt, place), *report(name, proof.round, place)]


def _forget_answers(layout: Layout) -> None:
    """Forget the answers to repeated builds: those with what was built from a refuted result are to announce it."""
    with contextlib.suppress(OSError):
        for place in (layout.cache / "answers").iterdir():
            place.unlink()
