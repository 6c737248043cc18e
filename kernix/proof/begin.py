"""Begin proofs of kernels that were built from kept trees, each in a process of its own."""

from __future__ import annotations

import json
import os
import random
import sys

from typing import TYPE_CHECKING

import attrs

from derivations.realise.instantiate import instantiate
from kernix.output.messages import print_message, warn
from kernix.output.printable import one_line
from kernix.places import HOME, ROOT
from store.errors import reason_of


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from derivations.derivation import Derivation
    from derivations.realise.kept.reuse import Reuse
    from derivations.realise.settings import Settings
    from kernix.session import Session
    from store.layout import Layout
    from store.path import StorePath


_CODE = "import sys; sys.path.insert(0, sys.argv[1]); from kernix.proof.run import main; main(sys.argv[2])"


@attrs.frozen(kw_only=True)
class Request:
    """What the process is to prove.

    Attributes:
        drv: The derivation, in the store.
        trees: The names of the kept trees that its result came from.
        settings: Numbers and switches of the build's settings; the process reads the rest from the configuration.
    """

    drv: str
    trees: tuple[str, ...]
    settings: Mapping[str, float | bool]


def begin_some(
    session: Session,
    fast: Mapping[Derivation, Reuse],
    settings: Settings,
    chance: Callable[[], float] = random.random,
) -> list[int]:
    """Begin a proof of each of the *fast* builds with the probability in *settings*; return the processes' ids.

    A failure to begin is only reported: the results are complete.
    """
    chosen = {it: reuse for it, reuse in fast.items() if chance() < settings.kept.prove}
    drvs = instantiate(session.store, chosen)
    found = []
    for derivation, reuse in chosen.items():
        log = log_of(session.layout, derivation)
        try:
            log.parent.mkdir(mode=0o700, exist_ok=True)
            found.append(_begin(session.home, _request(drvs[derivation], reuse, settings), log))
        except OSError as error:
            warn(f"{derivation.name} is not proved: {reason_of(error)}")
        else:
            print_message(f"proving {derivation.name} in the background; the log is {one_line(log)}")
    return found


def log_of(layout: Layout, derivation: Derivation) -> Path:
    """Return the path of the log of proofs of *derivation*."""
    return layout.proofs / f"{derivation.key.hex()[:12]}-{derivation.name}.log"


def _request(drv: StorePath, reuse: Reuse, settings: Settings) -> Request:
    names = [it.name for it in attrs.fields(type(settings))]
    plain = {name: value for name in names if isinstance(value := getattr(settings, name), (int, float))}
    trees: Collection[str] = dict.fromkeys([*filter(None, [reuse.tree]), *reuse.borrowed])
    return Request(drv=str(drv), trees=tuple(trees), settings=plain)


def _begin(home: Path, request: Request, log: Path) -> int:
    """Start the process that serves *request*, away from the terminal and its signals; return its id."""
    text = json.dumps(attrs.asdict(request))
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-c", _CODE, ROOT, text],
        {**os.environ, HOME[0][0]: str(home)},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
