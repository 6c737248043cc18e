"""Carry out a plan: build each derivation once its inputs are in the store, as many in parallel as the user allows.

Two pools of threads take what is ready, in the plan's order: one for downloads, one for everything
else. The second has more threads than `jobs`: after a build, a thread gives back its slot and goes
on to adopt and commit the outputs. So builders run meanwhile, and one `syncfs` serves several
results. The threads live until the run is over, because bubblewrap's `--die-with-parent` is tied
to them.

After the first failure nothing new starts, unless the user wants to keep going; running builds
finish and are kept. An interrupt kills running builds. Either way, what was committed stays.
"""

from __future__ import annotations

import functools
import heapq
import threading

from typing import TYPE_CHECKING, ClassVar

from derivations.fetch import is_fetch
from derivations.realise.action import ActionRunner
from derivations.realise.cancel import Cancellation, Slot, Slots
from derivations.realise.events import Failed, Planned, Skipped
from derivations.realise.instantiate import instantiate
from derivations.realise.job import Cancelled
from derivations.realise.layered import Realised
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from derivations.derivation import Derivation, Output
    from derivations.realise.events import Listener
    from derivations.realise.plan import Plan
    from derivations.realise.settings import Settings
    from store.local import Store
    from store.path import StorePath


COMMITTING = 16
"""How many threads may adopt and commit results, besides those whose builders run: they mostly wait for the disk."""

_HEAR_SIGNALS = 0.5
"""Longest delay, in seconds, before a Ctrl-C is noticed; a part of the two that kernix may take to end."""


class SeveralFailed(Error):
    """More than one derivation failed."""

    exit_code: ClassVar[int] = 100

    errors: tuple[Error, ...]

    def __str__(self) -> str:
        return f"{len(self.errors)} derivations failed: {'; '.join(map(str, self.errors))}"


def execute(store: Store, plan: Plan, settings: Settings, listener: Listener) -> dict[Output, StorePath]:
    """Build what *plan* lists, and return every output in the store, old and new.

    Raises:
        Error: the failure, if there was one.
        SeveralFailed: more than one failed; happens only with `keep_going`, or when they failed at the same time.
    """
    listener(Planned(len(plan.build), len(plan.present), tuple(filter(is_fetch, plan.build))))
    instances = instantiate(store, plan.build)
    infos = store.infos(plan.present.values())
    present = {output: Realised(path, infos[path].digest) for output, path in plan.present.items()}
    with Cancellation() as cancellation:
        runner = ActionRunner(
            store=store,
            settings=settings,
            listener=listener,
            cancellation=cancellation,
            jobs=Slots(settings.jobs, cancellation),
            fetches=Slots(settings.fetches, cancellation),
            instances=instances,
            layered=frozenset(plan.layered),
            fetched=_fetched(store, settings, listener),
        )
        board = _Board((*plan.layered, *plan.build), present, cancellation, keep_going=settings.keep_going)
        threads = _crews(runner, board, plan)
        try:
            for thread in threads:
                thread.start()
            board.wait()
        except BaseException:
            cancellation.kill()
            raise
        finally:
            cancellation.halt()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
    return board.outcome()


def _fetched(
    store: Store, settings: Settings, listener: Listener
) -> Callable[[Derivation, bytes], Mapping[str, Realised] | None]:
    """Return what fetches the results of actions from caches; fetches were looked up before the run."""
    if not settings.caches:
        return lambda _, __: None
    from derivations.realise.caches.substitute import Substituter  # noqa: PLC0415 -- start-up: if there are caches

    substituter = Substituter(store, settings.caches, listener)

    def fetch(derivation: Derivation, key: bytes) -> Mapping[str, Realised] | None:
        found = None if is_fetch(derivation) else substituter.find(derivation, key)
        infos = store.infos(found.values()) if found is not None else {}
        return None if found is None else {name: Realised(path, infos[path].digest) for name, path in found.items()}

    return fetch


def _crews(runner: ActionRunner, board: _Board, plan: Plan) -> list[threading.Thread]:
    """Return the threads of both pools, no more than there is work for."""
    fetches = sum(map(is_fetch, plan.build))
    counts = {
        False: min(runner.settings.jobs + COMMITTING, len(plan.layered) + len(plan.build) - fetches),
        True: min(runner.settings.fetches, fetches),
    }
    return [
        threading.Thread(target=_work, args=(runner, board, fetching), daemon=True)
        for fetching, count in counts.items()
        for _ in range(count)
    ]


def _work(runner: ActionRunner, board: _Board, fetching: bool) -> None:
    """Build what is ready until nothing is left to wait for."""
    slots = runner.fetches if fetching else runner.jobs
    while (taken := board.take(slots, fetching=fetching)) is not None:
        derivation, slot = taken
        try:
            runner.perform(derivation, board.inputs(derivation), functools.partial(board.finish, derivation), slot)
        except Cancelled:
            board.fail(derivation, None)
        except Error as error:
            runner.listener(Failed(derivation, error))
            for dependent in board.fail(derivation, error):
                if dependent not in runner.layered:  # which would not have been built anyway
                    runner.listener(Skipped(dependent, derivation))
        except BaseException as error:  # noqa: BLE001 -- a bug of ours; the waiting thread raises it
            board.fail(derivation, error)


class _Board:
    """The state of a run: what is left to build, what is built, and what waits for it."""

    def __init__(
        self,
        build: Iterable[Derivation],
        present: Mapping[Output, Realised],
        cancellation: Cancellation,
        *,
        keep_going: bool,
    ) -> None:
        self._results = dict(present)
        self._position = {derivation: i for i, derivation in enumerate(build)}
        self._derivations = list(self._position)
        self._cancellation = cancellation
        self._keep_going = keep_going
        self._errors: list[BaseException] = []
        self._running: set[Derivation] = set()
        self._left = set(self._derivations)
        self._missing: dict[Derivation, int] = {}
        self._dependents: dict[Derivation, list[Derivation]] = {}
        self._ready: dict[bool, list[int]] = {False: [], True: []}
        self._changed = threading.Condition()
        for derivation in self._derivations:
            needed = {it.derivation for it in derivation.inputs if it not in self._results}
            self._missing[derivation] = len(needed)
            for it in needed:
                self._dependents.setdefault(it, []).append(derivation)
            if not needed:
                self._push(derivation)

    def take(self, slots: Slots, *, fetching: bool) -> tuple[Derivation, Slot] | None:
        """Return the next derivation to build, waiting for one to become ready, or None if there will be none.

        Its slot of *slots* is requested at once, so slots are granted in the plan's order.
        """
        with self._changed:
            while self._left and not self._cancellation.is_halted():
                if self._ready[fetching]:
                    derivation = self._derivations[heapq.heappop(self._ready[fetching])]
                    self._running.add(derivation)
                    return derivation, slots.request()
                self._changed.wait()
            return None

    def inputs(self, derivation: Derivation) -> dict[Output, Realised]:
        """Return the realised inputs of *derivation*."""
        with self._changed:
            return {output: self._results[output] for output in derivation.inputs}

    def finish(self, derivation: Derivation, outputs: Mapping[str, Realised]) -> None:
        """Record the results of *derivation* and release the derivations that waited for them."""
        with self._changed:
            for name, realised in outputs.items():
                self._results.setdefault(derivation.output(name), realised)  # an existing result stays
            for dependent in self._dependents.get(derivation, ()):
                self._missing[dependent] -= 1
                if not self._missing[dependent]:
                    self._push(dependent)
            self._end(derivation)

    def fail(self, derivation: Derivation, error: BaseException | None) -> list[Derivation]:
        """Record that *derivation* failed with *error*, or was stopped, and return what cannot be built without it."""
        with self._changed:
            skipped = [it for it in self._all_dependents(derivation) if it in self._left]
            self._left.difference_update(skipped)
            if error is not None:
                self._errors.append(error)
            if not (self._keep_going and isinstance(error, Error)):
                self._cancellation.halt()
            self._end(derivation)
        return skipped

    def wait(self) -> None:
        """Wait until nothing is left to build, or nothing runs after a halt."""
        with self._changed:
            while self._left if not self._cancellation.is_halted() else self._running:
                # CPython handles a signal that comes just before a wait for a lock only after the wait.
                self._changed.wait(_HEAR_SIGNALS)

    def outcome(self) -> dict[Output, StorePath]:
        """Return every output.

        Raises:
            Error: a build failed.
        """
        defects = [error for error in self._errors if not isinstance(error, Error)]
        if defects or len(self._errors) == 1:
            raise (defects or self._errors)[0]
        if self._errors:
            raise SeveralFailed(tuple(error for error in self._errors if isinstance(error, Error)))
        return {output: it.path for output, it in self._results.items() if it.joined is None}

    def _end(self, derivation: Derivation) -> None:
        self._left.discard(derivation)
        self._running.discard(derivation)
        self._changed.notify_all()

    def _push(self, derivation: Derivation) -> None:
        heapq.heappush(self._ready[is_fetch(derivation)], self._position[derivation])

    def _all_dependents(self, derivation: Derivation) -> list[Derivation]:
        found: dict[Derivation, None] = {}
        stack = [derivation]
        while stack:
            for dependent in self._dependents.get(stack.pop(), ()):
                if dependent not in found:
                    found[dependent] = None
                    stack.append(dependent)
        return list(found)
