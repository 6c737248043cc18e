"""From outputs to store paths: outputs that are not built yet are built, with progress on stderr.

`derivations` is imported late: after `kernix.answers.record` has read the state of its files; and the modules for
building only if something is to be built, because loading them takes longer than a short run.
"""

from __future__ import annotations

import contextlib
import os
import sys

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from derivations.derivation import Output
    from derivations.realise.events import Listener
    from derivations.realise.settings import Settings
    from kernix.session import Session
    from store.path import StorePath


def realise(session: Session, outputs: Iterable[Output], **chosen: Any) -> dict[Output, StorePath]:  # noqa: ANN401 -- the options of `kernix.options.realisation`
    """Return the store paths of *outputs*, after building the missing ones as *chosen*.

    The results are held: no collector deletes them while this process runs.

    Raises:
        Error: something cannot be built.
    """
    wanted = list(dict.fromkeys(outputs))
    found = present(session, wanted)
    if len(found) == len(wanted):
        session.store.touch(found.values())
        return found
    return _build(session, wanted, session.settings(**chosen))


def present(session: Session, outputs: Iterable[Output]) -> dict[Output, StorePath]:
    """Return the store paths of the *outputs* that are already built, and hold them unless the disk is full."""
    from derivations.realise.plan import known_outputs  # noqa: PLC0415 -- see above

    store = session.existing_store()
    if store is None:
        return {}
    found = known_outputs(outputs, store.realised)
    # First held, then checked: the collector may have deleted some in between.
    registered = store.hold_if_possible(found.values())
    return {output: path for output, path in found.items() if path in registered}


def _build(session: Session, outputs: Sequence[Output], settings: Settings) -> dict[Output, StorePath]:
    from derivations.realise.realise import realise_all  # noqa: PLC0415 -- see above
    from kernix.output.hints import hinted  # noqa: PLC0415 -- as above

    with hinted(session, outputs), progress() as listener:
        return dict(realise_all(session.store, outputs, settings, listener))


@contextlib.contextmanager
def progress() -> Iterator[Listener]:
    """Provide a listener that shows progress on stderr: live on a terminal, else in lines."""
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from kernix.progress.live import LiveProgress  # noqa: PLC0415 -- rich, only on a terminal

        with LiveProgress() as live:
            yield live
    else:
        from kernix.progress.plain import PlainProgress  # noqa: PLC0415 -- as above

        with PlainProgress() as plain:
            yield plain
