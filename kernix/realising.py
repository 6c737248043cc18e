"""From outputs to store paths: found if they are there, built if not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.derivation import Output
    from kernix.session import Session
    from store.path import StorePath


def realise(session: Session, outputs: Iterable[Output], **chosen: Any) -> dict[Output, StorePath]:  # noqa: ANN401 -- the options of `kernix.options.realisation`
    """Return where *outputs* are, built as *chosen* if they are not there.

    What is returned is held, as long as there is room on the disk to note that: no collector takes it while this process runs.

    Raises:
        Error: something cannot be built.
    """
    wanted = list(dict.fromkeys(outputs))
    found = present(session, wanted)
    if len(found) == len(wanted):
        session.store.touch(found.values())
        return found
    from kernix.building import build  # noqa: PLC0415 -- start-up: only when something is to be built

    return build(session, wanted, session.settings(**chosen))


def present(session: Session, outputs: Iterable[Output]) -> dict[Output, StorePath]:
    """Return where those of *outputs* are that need not be built, and hold them unless the disk is full."""
    wanted = list(outputs)
    store = session.existing_store()
    if store is None:
        return {}
    known = store.realised([output.derivation.key for output in wanted])
    found = {
        output: path for output in wanted if (path := known.get(output.derivation.key, {}).get(output.name)) is not None
    }
    # Held first, then looked at: the collector may have taken some between the two.
    registered = store.look(found.values())
    return {output: path for output, path in found.items() if path in registered}
