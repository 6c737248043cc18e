"""The wording of progress, shared by all displays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from derivations.fetch import is_fetch
from derivations.realise.events import (
    Compiled,
    Failed,
    FailedBuildKept,
    Finished,
    Planned,
    Reused,
    Skipped,
    Started,
    Substituted,
    Unit,
    Waiting,
)
from kernix.output.printable import one_line
from kernix.output.quantities import duration, number, size
from kernix.progress.reuse import outcome


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from derivations.derivation import Derivation
    from derivations.realise.events import Event
    from kernix.progress.state import Activity, State


_NAMED = 2
"""The number of downloads that are named; the others are counted, so that they fit on a line."""

_VERBS = {
    "builtin:unpack": ("unpacking", "unpacked"),
    "builtin:union": ("joining", "joined"),
    "builtin:overlay-tree": ("joining", "joined"),
    "builtin:local": ("copying", "copied"),
    "builtin:patch": ("patching", "patched"),
    "builtin:write-text": ("writing", "wrote"),
    "builtin:check-config": ("checking", "checked"),
    "builtin:initramfs": ("packing", "packed"),
    "builtin:join-initramfs": ("joining", "joined"),
    "builtin:driver-map": ("reading", "read"),
    "builtin:kbuild-map": ("reading", "read"),
    "builtin:kconfig-slice": ("reading", "read"),
    "builtin:module-sources": ("reading", "read"),
}

QUICK = 1.0
"""Seconds below which a builtin gets no line when it ends: nobody waited for it."""


def doing(derivation: Derivation) -> str:
    """Return the verb for building *derivation*, such as `fetching`."""
    return "fetching" if is_fetch(derivation) else _VERBS.get(derivation.builder, ("building", ""))[0]


def done(derivation: Derivation) -> str:
    """Return the verb for having built *derivation*, such as `fetched`."""
    return "fetched" if is_fetch(derivation) else _VERBS.get(derivation.builder, ("", "built"))[1]


def sentence_of(event: Event) -> str | None:
    """Return *event* as a sentence; None if it gets no line of its own."""
    write = _SENTENCES.get(type(event))
    return None if write is None else one_line(write(event))


def is_brief(event: Event) -> bool:
    """Return whether *event* needs no line of its own: downloads, which are summed up, and quick builtins."""
    match event:
        case Started(derivation=derivation) | Reused(derivation=derivation):
            return derivation.is_builtin
        case Finished(derivation=derivation, seconds=seconds):
            return is_fetch(derivation) or (derivation.is_builtin and seconds < QUICK)
    return False


def share(done: str, whole: str | None) -> str:
    """Return two amounts as *done* of *whole*, with a common unit written once: `2.0 of 8.0 MB`."""
    if whole is None:
        return done
    number, _, unit = done.rpartition(" ")
    return f"{number if unit and whole.endswith(f' {unit}') else done} of {whole}"


def amount(activity: Activity) -> str:
    """Return the progress of *activity*, such as `812 of 1,530 objects`; empty if it is unknown."""
    if activity.unit is None or activity.waiting:
        return ""
    if activity.unit is Unit.BYTES:
        return share(size(activity.done), size(activity.expected) if activity.expected else None)
    # The number of objects is an estimate, and a user may have asked for more than it was made for.
    expected = f" of {activity.expected:,}" if (activity.expected or 0) >= activity.done else ""
    return f"{activity.done:,}{expected} {activity.unit.value}"


def activity_verb(activity: Activity) -> str:
    """Return the verb of *activity*: `compiling`, `unpacking`."""
    if activity.waiting:
        return "waiting"
    if activity.phase is not None:
        return activity.phase.value
    return "compiling" if activity.unit is Unit.OBJECTS else doing(activity.derivation)


def time_left(activity: Activity, now: float) -> str:
    """Return how long *activity* will go on, such as `2 min 40 s left`; empty if that is unknown."""
    left = None if activity.waiting else activity.seconds_left(now)
    return "" if left is None else f"{duration(max(1.0, left))} left"


def fetching(state: State, now: float) -> list[str]:
    """Return the progress of the downloads in parts, the most important first; nothing if there are none."""
    if not state.downloading:
        return []
    downloads, here = state.downloads, state.here
    whole, left = downloads.total, downloads.seconds_left(now, here)
    names = [it.derivation.name for it in state.downloading]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return [
        f"fetching {share(size(here), size(whole) if whole is not None else None)}",
        *([f", {duration(left)} left"] if left is not None else []),
        f", {size(downloads.rate(now))}/s",
        f", {downloads.fetched} of {number(len(downloads.sizes), 'file')}",
        f": {', '.join(names[:_NAMED])}{more}",
    ]


def fetched(state: State, now: float) -> str:
    """Return how much was fetched, and how long it took."""
    downloads = state.downloads
    took = f" in {duration(now - downloads.begun)}" if downloads.begun is not None else ""
    return f"fetched {number(downloads.fetched, 'file')}, {size(downloads.fetched_bytes)}{took}"


def to_fetch(state: State, first: Derivation) -> str:
    """Return what will be fetched, beginning with *first*: `142 files, 401.2 MB`."""
    total, count = state.downloads.total, len(state.downloads.sizes)
    known = f", {size(total)}" if total else ""
    return f"fetching {first.name if count == 1 else number(count, 'file')}{known}"


_SENTENCES: Mapping[type[Any], Callable[[Any], str]] = {
    Planned: lambda it: f"{number(it.build, 'derivation')} to build, {it.present:,} already built",
    Started: lambda it: f"{doing(it.derivation)} {it.derivation.name}",
    Waiting: lambda it: f"waiting for another process to build {it.derivation.name}",
    Finished: lambda it: f"{done(it.derivation)} {it.derivation.name} in {duration(it.seconds)}",
    Compiled: lambda it: outcome(it.derivation.name, it.reuse),
    Substituted: lambda it: f"fetched {', '.join(path.name for path in it.outputs.values())} from the cache {it.cache}",
    Reused: lambda it: f"reused {it.derivation.name}: same inputs as an earlier build",
    Failed: lambda it: f"{it.derivation.name} failed",
    Skipped: lambda it: f"skipped {it.derivation.name}: it needs {it.cause.name}",
    FailedBuildKept: lambda it: f"kept the failed build of {it.derivation.name} in {it.place}",
}
