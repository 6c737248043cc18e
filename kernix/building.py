"""From outputs to store paths: found if they are already built, else built with progress on stderr.

Nothing of `derivations` is imported before it is needed: not before `kernix.answers.record` has looked at its files, and
what it takes to build not unless something is to be built, since that takes longer to load than a short run takes.
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
    """Return where *outputs* are, having built as *chosen* what was missing.

    What is returned is held: no collector takes it while this process runs.

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
    """Return where those of *outputs* are that need not be built, and hold them unless the disk is full."""
    from derivations.realise.plan import known_outputs  # noqa: PLC0415 -- see above

    store = session.existing_store()
    if store is None:
        return {}
    found = known_outputs(outputs, store.realised)
    # Held first, then looked at: the collector may have taken some between the two.
    registered = store.look(found.values())
    return {output: path for output, path in found.items() if path in registered}


def _build(session: Session, outputs: Sequence[Output], settings: Settings) -> dict[Output, StorePath]:
    from derivations.realise.realise import realise_all  # noqa: PLC0415 -- see above
    from kernix.output.hints import hinted  # noqa: PLC0415 -- as above

    with hinted(session, outputs), _progress() as listener:
        return dict(realise_all(session.store, outputs, settings, listener))


@contextlib.contextmanager
def _progress() -> Iterator[Listener]:
    """Give a listener that shows on stderr what happens: live on a terminal, else in lines."""
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from kernix.progress.live import LiveProgress  # noqa: PLC0415 -- rich, where there is a terminal

        with LiveProgress() as live:
            yield live
    else:
        from kernix.progress.plain import PlainProgress  # noqa: PLC0415 -- as above

        with PlainProgress() as plain:
            yield plain
