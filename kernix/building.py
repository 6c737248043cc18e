"""From outputs to store paths: outputs that are not built yet are built, with progress on stderr.

`derivations` is imported late: after `kernix.answers.record` has read the state of its files; and the modules for
building only if something is to be built, because loading them takes longer than a short run.
"""

from __future__ import annotations

import contextlib
import enum
import os
import sys

from typing import TYPE_CHECKING, Any

from kernix import places
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from derivations.derivation import Derivation, Output
    from derivations.realise.events import Event, Listener
    from derivations.realise.kept.reuse import Reuse
    from derivations.realise.settings import Settings
    from kernix.session import Session
    from store.path import StorePath


class Status(enum.StrEnum):
    """How a run came by an output."""

    PRESENT = "present"
    """It was there: its derivation had been realised before."""
    REUSED = "reused"
    """Its derivation is new, and an earlier build had the same inputs."""
    FETCHED = "fetched"
    """A cache had it."""
    BUILT = "built"


def realise(session: Session, outputs: Iterable[Output], **chosen: Any) -> dict[Output, StorePath]:  # noqa: ANN401 -- the options of `kernix.options.realisation`
    """Return the store paths of *outputs*, after building the missing ones as *chosen*.

    The results are held: no collector deletes them while this process runs.

    Raises:
        Error: something cannot be built.
    """
    return realise_noting(session, outputs, **chosen)[0]


def realise_noting(
    session: Session,
    outputs: Iterable[Output],
    **chosen: Any,  # noqa: ANN401 -- as above
) -> tuple[dict[Output, StorePath], dict[Output, Status]]:
    """Return the store paths of *outputs* as `realise` does, and how this run came by each of them.

    Raises:
        Error: something cannot be built.
    """
    wanted = list(dict.fromkeys(outputs))
    found = present(session, wanted)
    statuses = dict.fromkeys(wanted, Status.PRESENT)
    if len(found) == len(wanted):
        session.store.touch(found.values())
        return found, statuses
    settings = session.settings(**chosen)
    if not chosen.get("no_caches") and (session.config_home / places.CACHES).exists():
        from kernix.cache_list import with_caches  # noqa: PLC0415 -- as above

        settings = with_caches(session, settings)
    results, reached = _build(session, wanted, settings)
    return results, {it: reached.get(it.derivation, Status.PRESENT) for it in wanted}


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


def _build(
    session: Session, outputs: Sequence[Output], settings: Settings
) -> tuple[dict[Output, StorePath], dict[Derivation, Status]]:
    from derivations.realise.events import Compiled, Finished, Reused, Substituted  # noqa: PLC0415 -- see above
    from derivations.realise.realise import realise_all  # noqa: PLC0415 -- as above
    from kernix.output.hints import hinted  # noqa: PLC0415 -- as above

    reached: dict[Derivation, Status] = {}
    quiet: list[Reused] = []
    fast: dict[Derivation, Reuse] = {}
    wanted = {it.derivation for it in outputs}

    with hinted(session, outputs), progress() as show:

        def listener(event: Event) -> None:
            if isinstance(event, Compiled):
                session.compiled[event.derivation.key] = event.reuse
                if event.reuse.tree is not None:
                    fast[event.derivation] = event.reuse
            if isinstance(event, Finished | Reused):
                reached[event.derivation] = Status.BUILT if isinstance(event, Finished) else Status.REUSED
            if isinstance(event, Substituted):
                reached[event.derivation] = Status.FETCHED
            if isinstance(event, Reused) and event.derivation in wanted and event.derivation.is_builtin:
                quiet.append(event)
            show(event)

        try:
            results = dict(realise_all(session.store, outputs, settings, listener))
        except Error:  # what was built before that remains, and is proved like others
            _prove(session, fast, settings)
            raise
    _prove(session, fast, settings)
    _push(session, outputs, results, reached, settings)
    for event in quiet:
        _print_reused(event)
    return results, reached


def _prove(session: Session, fast: Mapping[Derivation, Reuse], settings: Settings) -> None:
    """Prove some of the results that were built *fast*, in the background."""
    if fast and settings.kept.prove > 0:
        from kernix.proof.begin import begin_some  # noqa: PLC0415 -- as above

        begin_some(session, fast, settings)


def _push(
    session: Session,
    outputs: Sequence[Output],
    results: Mapping[Output, StorePath],
    reached: Mapping[Derivation, Status],
    settings: Settings,
) -> None:
    """Push what was built to the cache that `post_build` in config.toml names."""
    name = session.configuration.post_build if session.configuration is not None else None
    built = [results[it] for it in outputs if reached.get(it.derivation) is Status.BUILT]
    if name is not None and built and not settings.offline:
        from kernix.pushing import push_built  # noqa: PLC0415 -- as above

        push_built(session, name, built)


def _print_reused(event: Event) -> None:
    """Report a builtin that was reused: progress leaves that out, but it is what the user requested."""
    from kernix.output.messages import print_message  # noqa: PLC0415 -- as above
    from kernix.progress.words import sentence_of  # noqa: PLC0415 -- as above

    if (text := sentence_of(event)) is not None:
        print_message(text)


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
