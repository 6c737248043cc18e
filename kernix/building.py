"""Building with progress on stderr."""

from __future__ import annotations

import contextlib
import os
import sys

from typing import TYPE_CHECKING

from derivations.realise.realise import realise_all
from kernix.output.hints import hinted


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from derivations.derivation import Output
    from derivations.realise.events import Listener
    from derivations.realise.settings import Settings
    from kernix.session import Session
    from store.path import StorePath


def build(session: Session, outputs: Sequence[Output], settings: Settings) -> dict[Output, StorePath]:
    """Return where *outputs* are after building what is not there, and show how it goes.

    Raises:
        Error: something cannot be built.
    """
    with hinted(session, outputs), progress() as listener:
        return dict(realise_all(session.store, outputs, settings, listener))


@contextlib.contextmanager
def progress() -> Iterator[Listener]:
    """Give a listener that shows on stderr what happens: live on a terminal, else in lines."""
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from kernix.progress.live import LiveProgress  # noqa: PLC0415 -- rich, where there is a terminal

        with LiveProgress() as live:
            yield live
    else:
        from kernix.progress.plain import PlainProgress  # noqa: PLC0415 -- as above

        with PlainProgress() as plain:
            yield plain
