"""Build a derivation again, without anything that is known of it, and compare what comes out with its result.

    result and inputs in the store ─▶ build in a scratch directory ─▶ compare the digests
        ─▶ equal: a verdict            ─▶ different: what differs, the other result kept, a verdict

Only the derivation itself is built again; its inputs are those in the store. What was found is recorded in the
store's database (`store.records.verdicts`).
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time

from typing import TYPE_CHECKING, ClassVar, TypeVar

import attrs

from derivations.proof.compare import Background, Difference, switched_on
from derivations.proof.conditions import USUAL, Conditions
from derivations.realise.action import ActionRunner
from derivations.realise.cancel import Cancellation, Slots
from derivations.realise.events import Finished, Planned, Started, ignore
from derivations.realise.instantiate import instantiate
from derivations.realise.layered import Realised
from derivations.realise.proof.trees import compare_trees
from derivations.realise.realise import realise_all
from derivations.realise.settings import Settings
from store.errors import Error
from store.records.verdicts import Verdict


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from derivations.derivation import Derivation
    from derivations.realise.events import Listener
    from store.local import Store
    from store.path import StorePath
    from store.registration import Entry


T = TypeVar("T")

MOST = 200
"""How many differing files are looked into: no one reads more, and they have few causes."""

_HEAR_SIGNALS = 0.5  # seconds, as in `derivations.realise.execute`


class NotReproducible(Error):
    """A derivation was built again, and the result is another one."""

    exit_code: ClassVar[int] = 104

    name: str
    files: int
    outputs: tuple[str, ...]
    remedy: str | None = None

    def __str__(self) -> str:
        files = f"{self.files} file{'' if self.files == 1 else 's'}"
        differ = "differs" if self.files == 1 else "differ"
        return f"{self.name} is not reproducible: {files} of {', '.join(self.outputs)} {differ}"

    @property
    def hint(self) -> str | None:
        """Return what mends the cause that was found, if one was."""
        return self.remedy


@attrs.frozen(kw_only=True)
class Compared:
    """An output of one more build, compared with the result.

    Attributes:
        output: Its name.
        result: The result that the store had.
        equal: Whether both are the same, byte for byte.
        other: The output of the other build, if it differs.
        differences: What differs, at most `MOST` files.
        total: In how many files.
    """

    output: str
    result: StorePath
    equal: bool
    other: StorePath | None = None
    differences: tuple[Difference, ...] = ()
    total: int = 0


@attrs.frozen(kw_only=True)
class Round:
    """One more build of a derivation: what it ran under, its outputs, how long it took."""

    conditions: Conditions
    outputs: tuple[Compared, ...]
    seconds: float

    @property
    def equal(self) -> bool:
        """Return whether all outputs are as before."""
        return all(it.equal for it in self.outputs)


def again(
    store: Store,
    derivation: Derivation,
    rounds: Sequence[Conditions] = (USUAL,),
    settings: Settings | None = None,
    listener: Listener = ignore,
) -> Iterator[Round]:
    """Build *derivation* again under each of the conditions *rounds*, and yield how each compares with its result.

    If it has no result, that is built first. Each verdict is recorded before it is yielded.

    Raises:
        Error: a build failed.
    """
    settings = settings or Settings()
    outputs = [derivation.output(name) for name in derivation.outputs]
    results = realise_all(store, outputs, settings, listener)
    inputs = realise_all(store, derivation.inputs, settings, listener)
    infos = store.infos([*results.values(), *inputs.values()])
    realised = {output: Realised(path, infos[path].digest) for output, path in inputs.items()}
    listener(Planned(len(rounds), len(results)))
    for conditions in rounds:
        with Cancellation() as cancellation, store.scratch() as scratch:
            runner = ActionRunner(
                store=store,
                settings=settings,
                listener=listener,
                cancellation=cancellation,
                jobs=Slots(1, cancellation),
                fetches=Slots(1, cancellation),
                instances=instantiate(store, [derivation]),
            )
            listener(Started(derivation))
            started = time.monotonic()
            built = _in_thread(cancellation, lambda: runner.again(derivation, realised, scratch, conditions))  # noqa: B023 -- it ends within this turn
            seconds = time.monotonic() - started
            found = {output.name: path for output, path in results.items()}
            usual = attrs.evolve(USUAL, processors=settings.builder_cores)
            background = Background(under=(usual, conditions), options=options_of(store, found))
            compared = _compare(store, derivation, found, built, background)
            action = derivation.action_key(lambda output: realised[output].digest)
            store.judge(_verdicts(derivation, action, compared, built, conditions))
            listener(Finished(derivation, {}, seconds))
        yield Round(conditions=conditions, outputs=compared, seconds=seconds)


def _in_thread(cancellation: Cancellation, work: Callable[[], T]) -> T:
    """Return what *work* returns, run in a thread, so that an interrupt of this one can stop it."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 -- raised below, in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_HEAR_SIGNALS)
    except BaseException:
        cancellation.kill()
        thread.join()
        raise
    if errors:
        raise errors[0]
    return results[0]


def _compare(
    store: Store,
    derivation: Derivation,
    results: Mapping[str, StorePath],
    built: Sequence[Entry],
    background: Background,
) -> tuple[Compared, ...]:
    """Compare the outputs that were *built* with the *results*, and keep those that differ."""
    infos = store.infos(results.values())
    found = []
    differing = []
    for name, entry in zip(derivation.outputs, built, strict=True):
        result = results[name]
        if infos[result].digest == entry.content.digest:
            found.append(Compared(output=name, result=result, equal=True))
            continue
        differences = list(compare_trees(store.path(result), entry.place, background))
        found.append(
            Compared(
                output=name,
                result=result,
                equal=False,
                other=entry.path,
                differences=tuple(differences[:MOST]),
                total=len(differences),
            )
        )
        differing.append(entry)
    store.commit(differing)
    return tuple(found)


def options_of(store: Store, results: Mapping[str, StorePath]) -> frozenset[str]:
    """Return the options of a kernel among *results*, none if there is no kernel."""
    for path in results.values():
        with contextlib.suppress(OSError):
            return switched_on((store.path(path) / "config").read_text(errors="replace"))
    return frozenset()


def _verdicts(
    derivation: Derivation, action: bytes, compared: Sequence[Compared], built: Sequence[Entry], conditions: Conditions
) -> list[Verdict]:
    here = f"{conditions}; on Linux {platform.release()}, {os.uname().machine}"
    return [
        Verdict(
            path=it.result,
            key=derivation.key,
            action=action,
            output=it.output,
            seen=int(time.time()),
            rebuilt=entry.content.digest,
            equal=it.equal,
            conditions=here,
        )
        for it, entry in zip(compared, built, strict=True)
    ]
